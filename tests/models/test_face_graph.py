import numpy as np
import onnx
import pytest
import torch

from tacit.models.face_crop import CROP
from tacit.models.face_encoder import FaceEncoder, FaceEncoderConfig, folded
from tacit.models.face_graph import face_graph
from tacit.models.face_net import FaceNet, FaceNetConfig, normalise

SHAPES = {
    "shipped": FaceNetConfig(),
    "odd sides": FaceNetConfig(widths=(4, 6, 8, 10, 12), depths=(1, 2, 1, 1, 1), embedding=5),
    "wider first block": FaceNetConfig(widths=(8, 8), depths=(2, 1), embedding=3),
}


def net_of(config: FaceNetConfig) -> FaceNet:
    """A net whose normalisations have seen data."""
    torch.manual_seed(1)
    net = FaceNet(config).train()
    for _ in range(3):
        net(torch.randn(8, 1, CROP, CROP) * 2 + 1)
    return net.eval()


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("count", [1, 3])
def test_the_graph_gives_what_torch_gives(name: str, count: int) -> None:
    net = net_of(SHAPES[name])
    pixels = np.random.default_rng(2).integers(0, 256, (count, CROP, CROP), dtype=np.uint8)
    with torch.inference_mode():
        expected = [out.numpy() for out in net(normalise(torch.from_numpy(pixels)))]
    found = FaceEncoder(net, FaceEncoderConfig(SHAPES[name])).forward(pixels)
    for got, wanted in zip(found, expected, strict=True):
        assert got.dtype == np.float32
        assert got == pytest.approx(wanted, abs=1e-4)
    assert np.abs(expected[1]).max() > 1e-2


def test_the_graph_is_sound_and_the_same_every_time() -> None:
    config = SHAPES["wider first block"]
    graphs = [face_graph(folded(net_of(config))) for _ in range(2)]
    assert graphs[0] == graphs[1]
    onnx.checker.check_model(onnx.load_from_string(graphs[0]), full_check=True)


def test_a_net_that_was_not_folded_is_refused() -> None:
    with pytest.raises(ValueError, match="fold them into its convolutions first"):
        face_graph(net_of(SHAPES["wider first block"]))
