import pytest
import torch

from tacit.models.recovery.averaging import Sampled, read_samples
from tacit.models.recovery.flow import Solver, draw_noise, recover
from tacit.models.recovery.gate import Gate, feature_count, gate_features, gate_loss, mix
from tests.fakes.conditions import CONFIG, fusion, gaps, network

NAMES = gaps(1).names


def sampled(batch: int) -> Sampled:
    noise = draw_noise(CONFIG, batch, 4, torch.Generator().manual_seed(0))
    with torch.no_grad():
        filled = recover(network(), gaps(batch), noise, Solver(1))
        return read_samples(fusion(), filled, gaps(batch))


def test_features_are_finite_and_as_many_as_said() -> None:
    drop = torch.eye(7)[:3]
    features = gate_features(gaps(3), sampled(3), drop)
    assert features.shape == (3, feature_count(NAMES))
    assert torch.isfinite(features).all()
    assert torch.isfinite(gate_features(gaps(3, past=False), sampled(3), drop)).all()


def test_a_window_does_not_see_its_neighbours() -> None:
    drop = torch.full((3, 7), 1 / 7)
    whole = gate_features(gaps(3), sampled(3), drop)
    read = sampled(3)
    one = Sampled(
        read.probabilities[1:2],
        read.each[1:2],
        read.logits[1:2],
        read.feature[1:2],
        {m: s[1:2] for m, s in read.spread.items()},
    )
    assert torch.allclose(gate_features(gaps(3).rows(slice(1, 2)), one, drop[1:2]), whole[1:2])


def test_a_fresh_gate_is_nearly_closed_whatever_it_sees() -> None:
    share = Gate(NAMES)(torch.randn(50, feature_count(NAMES)) * 5.0)
    assert torch.allclose(share, torch.full((50,), 0.1192), atol=1e-3)


def test_mixing_keeps_a_distribution() -> None:
    torch.manual_seed(0)
    one, other = torch.randn(9, 7).softmax(-1), torch.randn(9, 7).softmax(-1)
    assert torch.equal(mix(torch.zeros(9), one, other), other)
    assert torch.equal(mix(torch.ones(9), one, other), one)
    assert torch.allclose(mix(torch.rand(9), one, other).sum(dim=1), torch.ones(9))


def test_it_learns_where_recovery_is_right() -> None:
    """The first feature says which of the two readings holds the label."""
    torch.manual_seed(0)
    features = torch.randn(400, feature_count(NAMES))
    labels = torch.randint(0, 7, (400,))
    right = torch.nn.functional.one_hot(labels, 7).float() * 0.8 + 0.2 / 7
    wrong = right.roll(1, dims=1)
    helps = (features[:, 0] > 0)[:, None]
    recovered, drop = torch.where(helps, right, wrong), torch.where(helps, wrong, right)
    gate = Gate(NAMES)
    optimiser = torch.optim.Adam(gate.parameters(), 2e-2)
    for _ in range(150):
        loss = gate_loss(gate, features, recovered, drop, labels)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    share = gate(features).detach()
    assert float(share[helps[:, 0]].mean()) > 0.8
    assert float(share[~helps[:, 0]].mean()) < 0.2
    assert float(loss.detach()) < float(-torch.log(torch.tensor(0.5)))


def test_an_impossible_label_costs_much_but_not_everything() -> None:
    certain = torch.eye(7)[:1]
    loss = gate_loss(Gate(NAMES), torch.zeros(1, feature_count(NAMES)), certain, certain,
                     torch.tensor([3]))  # fmt: skip
    assert float(loss.detach()) == pytest.approx(13.8, abs=0.1)
