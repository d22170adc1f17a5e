"""Builds ONNX graphs from the weights of loaded networks, and runs them.

A graph is made when its network is loaded, so that no second file can drift apart from the
checkpoint.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import nn

OPSET: Final = 17
IR_VERSION: Final = 8
"""Oldest format that knows the opset, so that every supported runtime reads it."""

Arrays = Mapping[str, NDArray[Any]]
Shape = Sequence[int | str]


class Graph:
    """Nodes and weights of a graph under construction; values are named by strings."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._kept: dict[tuple[bytes, str, tuple[int, ...]], str] = {}

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append a node; gives the name of its output."""
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def keep(self, tensor: torch.Tensor) -> str:
        """Store a weight; gives its name."""
        return self._store(np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float32))

    def number(self, value: float) -> str:
        """Store a scalar."""
        return self._store(np.array(value, dtype=np.float32))

    def integers(self, *values: int) -> str:
        """Store a list of integers, such as a shape or axes."""
        return self._store(np.array(values, dtype=np.int64))

    def linear(self, x: str, weight: torch.Tensor, bias: torch.Tensor) -> str:
        """(..., I) times a weight (O, I) as torch keeps it, plus a bias (O,): (..., O)."""
        return self.add("Add", self.add("MatMul", x, self.keep(weight.T)), self.keep(bias))

    def layer(self, x: str, layer: nn.Linear) -> str:
        """A linear layer."""
        return self.linear(x, layer.weight, layer.bias)

    def normed(self, x: str, scale: torch.Tensor, shift: torch.Tensor, eps: float) -> str:
        """Layer normalisation over the last axis."""
        stored = self.keep(scale), self.keep(shift)
        return self.add("LayerNormalization", x, *stored, axis=-1, epsilon=eps)

    def layer_norm(self, x: str, norm: nn.LayerNorm) -> str:
        """Layer normalisation with its own scale and shift."""
        return self.normed(x, norm.weight, norm.bias, norm.eps)

    def gelu(self, x: str) -> str:
        """The exact form, x times the normal distribution function."""
        inner = self.add("Erf", self.add("Mul", x, self.number(0.5**0.5)))
        half = self.add("Mul", x, self.number(0.5))
        return self.add("Mul", half, self.add("Add", inner, self.number(1.0)))

    def heads(self, x: str, heads: int, width: int, order: tuple[int, ...] = (0, 2, 1, 3)) -> str:
        """(B, S, W) as (B, H, S, W / H), or in another order of axes."""
        parted = self.add("Reshape", x, self.integers(0, 0, heads, width // heads))
        return self.add("Transpose", parted, perm=list(order))

    def attend(
        self, q: str, k: str, v: str, shape: tuple[int, int], bias: str | None = None
    ) -> str:
        """Attention of queries (B, Q, W) over keys and values (B or 1, S, W): (B, Q, W).

        Args:
            q: queries.
            k: keys.
            v: values.
            shape: heads and W.
            bias: added to the scores; broadcast to (B, H, Q, S).
        """
        heads, width = shape
        keys = self.heads(k, heads, width, (0, 2, 3, 1))
        scores = self.add("MatMul", self.heads(q, heads, width), keys)
        scores = self.add("Mul", scores, self.number((width // heads) ** -0.5))
        if bias is not None:
            scores = self.add("Add", scores, bias)
        mixed = self.add(
            "MatMul", self.add("Softmax", scores, axis=-1), self.heads(v, heads, width)
        )
        merged = self.add("Transpose", mixed, perm=[0, 2, 1, 3])
        return self.add("Reshape", merged, self.integers(0, 0, width))

    def model(self, name: str, inputs: Mapping[str, Shape], outputs: Mapping[str, Shape]) -> bytes:
        """The finished graph.

        Args:
            name: of the graph.
            inputs: shapes by name; a word stands for any length. Names that begin with "i_" are
                int64, all others float32.
            outputs: the same of what it gives.
        """

        def described(shapes: Mapping[str, Shape]) -> list[onnx.ValueInfoProto]:
            return [
                helper.make_tensor_value_info(key, kind_of(key), list(shape))
                for key, shape in shapes.items()
            ]

        made = helper.make_graph(
            self.nodes, name, described(inputs), described(outputs), self.weights
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(made, opset_imports=[opset], ir_version=IR_VERSION)
        return bytes(model.SerializeToString())

    def _store(self, values: NDArray[Any]) -> str:
        """Keep values once, however often they are used."""
        key = (values.tobytes(), str(values.dtype), values.shape)
        if key not in self._kept:
            self._kept[key] = f"w{len(self.weights)}"
            self.weights.append(numpy_helper.from_array(values, self._kept[key]))
        return self._kept[key]


def kind_of(name: str) -> int:
    """Type of a graph's input; see `Graph.model`."""
    integer = name.startswith("i_")
    return int(onnx.TensorProto.INT64 if integer else onnx.TensorProto.FLOAT)


class Session:
    """Runs a graph on as many threads as torch was given.

    Args:
        model: as `Graph.model` gives it.
    """

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        # A waiting thread that spins takes the core from whoever decodes the next picture.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    def run(self, inputs: Arrays) -> list[NDArray[Any]]:
        """Outputs in the order of the model."""
        found: list[NDArray[Any]] = self._session.run(None, dict(inputs))
        return found
