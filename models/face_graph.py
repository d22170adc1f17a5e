"""The face net as an ONNX graph, which ONNX Runtime reads twice as fast as torch on one thread.

The graph is built from the weights when they are loaded, so that no second file can drift apart
from the checkpoint. The choice between the two is fixed, not measured at start: their results
differ in the last bits, and the same recording must give the same bytes every time.
"""

from typing import Any, Final

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import torch
from onnx import helper, numpy_helper
from torch import nn

from .face_crop import CROP
from .face_net import Block, FaceNet
from .features import Float32

OPSET: Final = 17
IR_VERSION: Final = 8
"""Oldest format that knows the opset, so that every supported runtime reads it."""


class _Graph:
    """Nodes and weights of a graph under construction."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append a node; gives the name of its output."""
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def keep(self, tensor: torch.Tensor) -> str:
        """Store a weight; gives its name."""
        name = f"w{len(self.weights)}"
        values = np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def conv(self, x: str, conv: nn.Conv2d) -> str:
        """Convolution with its bias."""
        pad = [int(p) for p in conv.padding]
        weights = [self.keep(conv.weight)] + ([] if conv.bias is None else [self.keep(conv.bias)])
        return self.add("Conv", x, *weights, strides=list(conv.stride), pads=pad + pad)

    def block(self, x: str, block: Block) -> str:
        """Residual block."""
        y = self.conv(self.add("Relu", self.conv(x, block.conv1)), block.conv2)
        if (side := block.shortcut) is not None:
            if (stride := block.conv1.stride[0]) > 1:
                shape = [stride, stride]
                x = self.add("AveragePool", x, kernel_shape=shape, strides=shape, ceil_mode=1)
            x = self.conv(x, side.conv)
        return self.add("Relu", self.add("Add", y, x))

    def linear(self, x: str, linear: nn.Linear) -> str:
        """Matrix product with its bias."""
        return self.add("Gemm", x, self.keep(linear.weight), self.keep(linear.bias), transB=1)


def face_graph(net: FaceNet) -> bytes:
    """Build the graph of a net.

    Args:
        net: its normalisations folded into its convolutions.

    Returns:
        ONNX model from `crops` (n, 1, 48, 48) to embedding (n, E) and logits (n, 7), float32.

    Raises:
        ValueError: it has a normalisation that is not folded.
    """
    if any(isinstance(module, nn.BatchNorm2d) for module in net.modules()):
        raise ValueError("the net has normalisations; fold them into its convolutions first")
    graph = _Graph()
    x = graph.add("Relu", graph.conv("crops", net.stem))
    for block in net.blocks:
        assert isinstance(block, Block)
        x = graph.block(x, block)
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    embedding = graph.add("Tanh", graph.linear(x, net.embed))
    logits = graph.linear(embedding, net.head)
    crops = helper.make_tensor_value_info("crops", onnx.TensorProto.FLOAT, ["n", 1, CROP, CROP])
    outputs = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", layer.out_features])
        for name, layer in ((embedding, net.embed), (logits, net.head))
    ]
    made = helper.make_graph(graph.nodes, "face", [crops], outputs, graph.weights)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(made, opset_imports=[opset], ir_version=IR_VERSION)
    return bytes(model.SerializeToString())


class FaceSession:
    """Runs the graph on as many threads as torch was given.

    Args:
        net: as `face_graph` wants it.
    """

    def __init__(self, net: FaceNet) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        # A waiting thread that spins takes the core from whoever decodes the next picture.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            face_graph(net), options, providers=["CPUExecutionProvider"]
        )

    def run(self, crops: Float32) -> tuple[Float32, Float32]:
        """Embeddings (B, E) and logits (B, 7) of crops (B, 1, 48, 48) as `normalise` gives them."""
        embedding, logits = self._session.run(None, {"crops": crops})
        return embedding, logits
