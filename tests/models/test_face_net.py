import pytest
import torch

from tacit.models.face_crop import CROP
from tacit.models.face_net import FaceNet, FaceNetConfig, normalise
from tacit.models.labels import EMOTIONS

TINY = FaceNetConfig(widths=(4, 8), depths=(2, 1), embedding=6, dropout=0.5)


def test_gives_a_bounded_embedding_and_a_logit_per_class() -> None:
    torch.manual_seed(0)
    embedding, logits = FaceNet(TINY).eval()(torch.randn(3, 1, CROP, CROP) * 100)
    assert embedding.shape == (3, 6)
    assert logits.shape == (3, len(EMOTIONS))
    assert embedding.abs().max().item() <= 1.0


def test_the_shipped_shape_is_small() -> None:
    assert sum(p.numel() for p in FaceNet().parameters()) <= 1_300_000


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    net = FaceNet(TINY).train()
    _, logits = net(torch.randn(4, 1, CROP, CROP))
    logits.square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    net = FaceNet(TINY).eval()
    x = torch.randn(2, 1, CROP, CROP)
    assert torch.equal(net(x)[0], net(x)[0])
    net.dropout.train()
    assert not torch.equal(net(x)[0], net(x)[0])


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0), (0.5, 100), (1.0, 55)])
def test_normalise_takes_out_brightness_and_most_contrast(gain: float, offset: int) -> None:
    generator = torch.Generator().manual_seed(1)
    crops = torch.randint(0, 200, (2, CROP, CROP), generator=generator, dtype=torch.uint8)
    plain = normalise(crops)
    assert plain.shape == (2, 1, CROP, CROP)
    assert plain.mean().item() == pytest.approx(0, abs=1e-4)
    assert 0.8 < plain.std().item() <= 1.0
    changed = normalise((crops.float() * gain + offset).to(torch.uint8))
    assert (changed - plain).abs().max().item() < 0.25


def test_a_flat_crop_stays_finite() -> None:
    assert not normalise(torch.full((1, CROP, CROP), 9, dtype=torch.uint8)).any()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"widths": (4,), "depths": (1, 2)}, "differ in length"),
        ({"widths": (), "depths": ()}, "differ in length"),
        ({"widths": (4, 0), "depths": (1, 1)}, "at least 1"),
        ({"embedding": 0}, "at least 1"),
    ],
    ids=["lengths", "none", "width", "embedding"],
)
def test_a_shape_that_cannot_be_is_refused(config: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FaceNetConfig(**config)  # type: ignore[arg-type]


def test_crops_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 40, 48\)"):
        normalise(torch.zeros((1, 40, 48), dtype=torch.uint8))
