from dataclasses import replace
from typing import Any

import pytest
import torch

from tacit.models.errors import ModelError
from tacit.models.recovery.condition import Condition, Past
from tacit.models.recovery.network import RecoveryConfig, RecoveryNet, ages, waves
from tests.fakes.conditions import BINS, CONFIG, DIMS, gaps, network


def velocity(net: RecoveryNet, condition: Condition, samples: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(8, samples, CONFIG.positions, CONFIG.latent, generator=generator)
    x = x[: condition.batch]
    t = torch.full(x.shape[:2], 0.3)
    with torch.no_grad():
        return net.velocity(x, (t, torch.zeros_like(t)), net.encode(condition))


def test_a_config_survives_its_manifest() -> None:
    assert RecoveryConfig.from_dict(CONFIG.as_dict()) == CONFIG


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dims": {}}, "dims"),
        ({"dims": {"smell": 3}}, "dims"),
        ({"width": 9}, "width 9"),
        ({"latent": 0}, "latent 0"),
        ({"dropout": 1.0}, "dropout 1.0"),
        ({"depth": 1}, "depth"),
    ],
)
def test_a_bad_config_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        RecoveryConfig.from_dict({**CONFIG.as_dict(), **change})


def test_a_fresh_network_does_not_move() -> None:
    assert torch.equal(velocity(RecoveryNet(CONFIG).eval(), gaps(2)), torch.zeros(2, 2, 9, 4))


def test_nothing_unmeasured_gets_through() -> None:
    condition = gaps(2)
    assert condition.past is not None
    poisoned = {
        m: torch.where(condition.measured[m].unsqueeze(-1), v, torch.nan)
        for m, v in condition.values.items()
    }
    hidden = {m: torch.zeros_like(k) for m, k in condition.past.mask.items()}
    nan = Past(
        {m: torch.full_like(v, torch.nan) for m, v in condition.past.values.items()},
        hidden,
        {m: torch.full_like(a, torch.nan) for m, a in condition.past.age_s.items()},
    )
    net = network()
    clean = velocity(net, replace(condition, past=replace(condition.past, mask=hidden)))
    assert torch.equal(velocity(net, replace(condition, values=poisoned, past=nan)), clean)


def test_a_masked_past_is_no_past() -> None:
    condition = gaps(2)
    everyone = torch.ones(2, dtype=torch.bool)
    net = network()
    without = velocity(net, condition.without_past())
    assert torch.allclose(velocity(net, condition.without_past(everyone)), without, atol=1e-6)
    assert not torch.allclose(velocity(net, condition), without, atol=1e-3)


def test_the_age_of_the_past_counts() -> None:
    condition = gaps(1)
    assert condition.past is not None
    older = replace(condition.past, age_s={m: a + 20.0 for m, a in condition.past.age_s.items()})
    net = network()
    assert not torch.allclose(
        velocity(net, condition), velocity(net, replace(condition, past=older)), atol=1e-3
    )


def test_the_order_of_the_past_does_not_count() -> None:
    condition = gaps(1)
    past = condition.past
    assert past is not None
    turned = Past(*({m: v.flip(1) for m, v in part.items()} for part in (
        past.values, past.mask, past.age_s
    )))  # fmt: skip
    net = network()
    assert torch.allclose(
        velocity(net, condition), velocity(net, replace(condition, past=turned)), atol=1e-5
    )


def test_degradation_counts() -> None:
    condition = gaps(1)
    worse = {m: torch.ones(1) for m in DIMS}
    net = network()
    assert not torch.allclose(
        velocity(net, condition), velocity(net, replace(condition, degradation=worse)), atol=1e-3
    )


def test_neighbours_do_not_matter() -> None:
    net = network()
    together = velocity(net, gaps(4))
    assert torch.allclose(velocity(net, gaps(4).rows(slice(0, 1))), together[:1], atol=1e-5)


def test_samples_of_a_window_do_not_see_each_other() -> None:
    net = network()
    assert torch.allclose(
        velocity(net, gaps(1), samples=2)[:, :1], velocity(net, gaps(1), samples=1), atol=1e-5
    )


def test_positions_can_be_picked() -> None:
    net, condition = network(), gaps(2)
    where = torch.cat([m.any(dim=0) for m in condition.wanted.values()]).nonzero().squeeze(1)
    assert len(where) == 1 + BINS
    x = torch.randn(2, 1, CONFIG.positions, CONFIG.latent)
    moment = (torch.zeros(2, 1), torch.ones(2, 1))
    with torch.no_grad():
        context = net.encode(condition)
        whole = net.velocity(x, moment, context)
        picked = net.velocity(x[:, :, where], moment, context, where)
    assert torch.allclose(whole[:, :, where], picked, atol=1e-5)


def test_a_hidden_condition_is_no_condition() -> None:
    net = network()
    x = torch.randn(1, 1, CONFIG.positions, CONFIG.latent)
    moment = (torch.zeros(1, 1), torch.zeros(1, 1))
    hidden = torch.ones(1, dtype=torch.bool)
    with torch.no_grad():
        one = net.velocity(x, moment, net.encode(gaps(1, seed=1), hidden))
        other = net.velocity(x, moment, net.encode(gaps(1, seed=2), hidden))
    assert torch.equal(one, other)


def test_nothing_wanted_is_finite() -> None:
    condition = gaps(1)
    none = {m: torch.zeros_like(w) for m, w in condition.wanted.items()}
    assert torch.isfinite(velocity(network(), replace(condition, wanted=none))).all()


def test_waves_tell_times_apart() -> None:
    x = torch.linspace(0.0, 1.0, 50)
    distances = torch.cdist(waves(x, 2.0), waves(x, 2.0)) + torch.eye(50)
    assert distances.min() > 0.05


def test_ages_beyond_the_longest_look_alike() -> None:
    assert torch.equal(ages(torch.tensor([60.0])), ages(torch.tensor([1e6])))
