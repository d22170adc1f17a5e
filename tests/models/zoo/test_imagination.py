import numpy as np
import pytest
import torch

from tacit.models.zoo.imagination import (
    Cascade,
    Imagined,
    Targets,
    Weights,
    by_modality,
    frozen,
    hidden_rows,
    imagination_loss,
    masks_of,
    rows_of,
)
from tacit.models.zoo.invariance import WIDTH
from tests.fakes.pairs import make_pairs


def made(imagined: float, back: float | None = None) -> Imagined:
    flat = torch.full((2, 2 * WIDTH), imagined)
    return Imagined(
        torch.zeros(2, 3),
        flat,
        None if back is None else torch.full_like(flat, back),
        torch.full_like(flat, 1.0),
        torch.full((2, 2, WIDTH), 0.5),
    )


TARGETS = Targets(torch.full((2, 2, WIDTH), 2.0), torch.full((2, 2, WIDTH), 1.5))
LOSSY = torch.tensor([[True, False], [True, True]])
"""The first sample lost its second modality, the second lost nothing."""


def test_losses_by_hand() -> None:
    # Target of the first sample: 0 where available, 2 where missing; imagined 1: error 1.
    own = imagination_loss(made(1.0), TARGETS, LOSSY, Weights(4.0, 0.0, 0.0))
    assert float(own) == pytest.approx(4.0)
    # The way back should be 1 and is 3.
    cycle = imagination_loss(made(1.0, 3.0), TARGETS, LOSSY, Weights(0.0, 2.0, 0.0))
    assert float(cycle) == pytest.approx(8.0)
    invariant = imagination_loss(made(1.0), TARGETS, LOSSY, Weights(0.0, 0.0, 3.0))
    assert float(invariant) == pytest.approx(3.0)


def test_complete_samples_have_nothing_to_imagine() -> None:
    whole = torch.ones(2, 2, dtype=torch.bool)
    assert float(imagination_loss(made(9.0), TARGETS, whole, Weights())) == 0.0


def test_the_two_cascades_wire_their_blocks_as_the_papers_say() -> None:
    net = Cascade(4, hidden=(3,), blocks=2).eval()
    f, c = torch.randn(5, 4), torch.randn(5, 4)

    def block(place: int, x: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(net.decoders[place](net.encoders[place](x)))

    first = block(0, f)
    assert torch.allclose(net(f)[0], net.out(block(1, f + first)), atol=1e-6)
    first = block(0, f + c)
    assert torch.allclose(net(f, c)[0], net.out(block(1, first + c)), atol=1e-6)
    assert net(f)[1].shape == (5, 6)


def test_hidden_modalities_are_zero_and_counted() -> None:
    batch = make_pairs(40)
    x = {n: torch.from_numpy(batch.values[n]) for n in batch.names}
    left, kept, there = hidden_rows(
        x, masks_of(batch), (0.0, 0.0), torch.Generator().manual_seed(0)
    )
    assert bool((there.sum(dim=1) == 1).all())
    assert float(left["audio"][~there[:, 0]].abs().sum()) == 0.0
    assert torch.equal(kept["face"].any(dim=1), there[:, 1])
    assert torch.equal(rows_of(x, torch.tensor([3]))["face"], x["face"][3:4])


def test_a_teacher_is_a_copy_that_does_not_learn() -> None:
    net = torch.nn.Linear(2, 2)
    teacher = frozen(net)
    assert all(not p.requires_grad for p in teacher.parameters())
    assert all(p.requires_grad for p in net.parameters())


def test_imagined_features_come_apart_by_modality() -> None:
    flat = torch.cat([torch.zeros(3, WIDTH), torch.ones(3, WIDTH)], dim=1)
    parts = by_modality(flat, make_pairs(3))
    assert parts["audio"].shape == (3, 1, 1, WIDTH)
    assert np.all(parts["audio"] == 0.0)
    assert np.all(parts["face"] == 1.0)
