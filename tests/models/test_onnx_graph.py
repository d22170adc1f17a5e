from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from tacit.models.onnx_graph import Graph, Session


def run(graph: Graph, output: str, **inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    shapes = {name: ["n"] * value.ndim for name, value in inputs.items()}
    for name, value in inputs.items():
        shapes[name] = [f"{name}{axis}" for axis in range(value.ndim)]
    outputs = {output: [f"o{axis}" for axis in range(3)]}
    return np.asarray(Session(graph.model("test", shapes, outputs)).run(inputs)[0])


@pytest.mark.parametrize("barred", [False, True])
def test_attention_is_that_of_torch(barred: bool) -> None:
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(2, s, 8)).astype(np.float32) for s in (3, 5, 5))
    bias = np.zeros((2, 1, 1, 5), dtype=np.float32)
    bias[:, :, :, 3:] = -1e9 if barred else 0.0
    graph = Graph()
    found = run(graph, graph.attend("q", "k", "v", (2, 8), "bias"), q=q, k=k, v=v, bias=bias)
    asked, keys, values = (torch.from_numpy(x).view(2, -1, 2, 4).transpose(1, 2) for x in (q, k, v))
    mask = torch.from_numpy(bias)
    wanted = nn.functional.scaled_dot_product_attention(asked, keys, values, attn_mask=mask)
    assert np.allclose(found, wanted.transpose(1, 2).reshape(2, 3, 8).numpy(), atol=1e-5)


def test_layers_are_those_of_torch() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4)
    linear, norm = nn.Linear(4, 6), nn.LayerNorm(6)
    nn.init.normal_(norm.weight)
    graph = Graph()
    output = graph.gelu(graph.layer_norm(graph.layer("x", linear), norm))
    wanted = nn.functional.gelu(norm(linear(x))).detach().numpy()
    assert np.allclose(run(graph, output, x=x.numpy()), wanted, atol=1e-5)


def test_names_that_begin_so_are_integers() -> None:
    graph = Graph()
    kept = graph.keep(torch.arange(12.0).reshape(3, 2, 2))
    output = graph.add("Gather", kept, "i_rows", axis=0)
    found = run(graph, output, i_rows=np.array([2, 0]))
    assert found[:, 0, 0].tolist() == [8.0, 0.0]
