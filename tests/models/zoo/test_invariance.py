from dataclasses import replace

import numpy as np
import pytest
import torch

from tacit.models.zoo.invariance import (
    WIDTH,
    InvarianceNet,
    Summary,
    central_moment_discrepancy,
    fit_invariance,
    pairwise_discrepancy,
)
from tests.fakes.pairs import QUICK, make_pairs


def test_equal_distributions_have_no_discrepancy() -> None:
    x = torch.randn(64, 5)
    assert float(central_moment_discrepancy(x, x[torch.randperm(64)])) == pytest.approx(0, abs=1e-5)


def test_the_discrepancy_by_hand() -> None:
    # x: 0, 2 (mean 1, central moments 1, 0, 1, 0); y: 0, 0 (all 0).
    x, y = torch.tensor([[0.0], [2.0]]), torch.zeros(2, 1)
    assert float(central_moment_discrepancy(x, y, moments=1)) == pytest.approx(1.0)
    assert float(central_moment_discrepancy(x, y, moments=2)) == pytest.approx(2.0)
    assert float(central_moment_discrepancy(x, y, moments=5)) == pytest.approx(3.0)
    # A shift changes the mean alone: the length of the shift.
    moved = x.repeat(1, 2) + torch.tensor([3.0, 4.0])
    assert float(central_moment_discrepancy(x.repeat(1, 2), moved)) == pytest.approx(5.0)


def test_pairs_are_averaged() -> None:
    a, b = torch.zeros(2, 1), torch.tensor([[0.0], [2.0]])
    # Pairs (a, a), (a, b), (a, b): (0 + 3 + 3) / 3.
    assert float(pairwise_discrepancy(torch.stack([a, a, b], dim=1))) == pytest.approx(2.0)
    assert float(pairwise_discrepancy(torch.stack([a], dim=1))) == 0.0


@pytest.mark.parametrize("name", ["audio", "text"])
@pytest.mark.parametrize("bins", [1, 7])
def test_frames_become_one_vector(name: str, bins: int) -> None:
    net = Summary(5, bins, name, QUICK).eval()  # type: ignore[arg-type]
    mask = torch.ones(3, bins, dtype=torch.bool)
    assert net(torch.randn(3, bins, 5), mask).shape == (3, WIDTH)


def test_frames_after_the_last_measured_one_are_not_seen() -> None:
    net = Summary(5, 6, "audio", QUICK).eval()
    x, mask = torch.randn(1, 6, 5), torch.tensor([[True] * 4 + [False] * 2])
    other = x.clone()
    other[:, 4:] = 9.0
    assert torch.allclose(net(x, mask), net(other, mask))


def test_stage_one_learns_classes_and_pulls_modalities_together() -> None:
    train, valid = make_pairs(), make_pairs(seed=1)
    config = replace(QUICK, epochs=10)

    def gap(weight: float) -> tuple[float, float]:
        net, _chosen = fit_invariance(train, valid, config, weight)
        x = net.standard.of(valid)
        mask = {n: torch.from_numpy(valid.mask[n]) for n in valid.names}
        with torch.no_grad():
            hit = (net(x, mask).argmax(dim=1).numpy() == valid.labels).mean()
            return float(pairwise_discrepancy(net.encode(x, mask).invariant)), float(hit)

    (free, hit_free), (pulled, hit_pulled) = gap(0.0), gap(1.0)
    assert pulled < 0.7 * free
    assert min(hit_free, hit_pulled) > 0.8


def test_a_sample_does_not_see_its_neighbours() -> None:
    net = InvarianceNet({"audio": 5, "face": 4}, 1, QUICK).eval()
    batch = make_pairs(6)
    x = net.standard.of(batch)
    mask = {n: torch.from_numpy(batch.mask[n]) for n in batch.names}
    whole = net(x, mask)
    alone = net({n: v[2:3] for n, v in x.items()}, {n: v[2:3] for n, v in mask.items()})
    assert np.allclose(whole[2].detach(), alone[0].detach(), atol=1e-6)
