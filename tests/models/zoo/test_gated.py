import numpy as np
import pytest

from tacit.models.errors import ModelError
from tacit.models.zoo.drop import Drop
from tacit.models.zoo.filled import Filled
from tacit.models.zoo.fillers import RandomDonor, Regression
from tacit.models.zoo.gated import (
    GATES,
    Gated,
    Readings,
    by_pattern,
    by_window,
    half,
    held_out_loss,
)
from tests.fakes.pairs import QUICK, make_pairs


def readings(count: int = 400, seed: int = 0) -> Readings:
    """The first feature tells which of the two readings is right."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    hint = rng.integers(0, 2, count)
    good, bad = np.eye(2)[labels] * 0.8 + 0.1, np.eye(2)[1 - labels] * 0.8 + 0.1
    features = rng.normal(size=(count, 16)).astype(np.float32)
    features[:, 0] = hint * 2.0 - 1.0
    return Readings(
        np.where(hint[:, None] == 1, good, bad), np.where(hint[:, None] == 1, bad, good),
        features, hint.astype(np.int64), labels, np.arange(count) % 4,
    )  # fmt: skip


def test_equal_shares_are_the_mean() -> None:
    seen = readings()
    mixed = seen.mixed(half(seen)(seen))
    assert np.allclose(mixed, (seen.recovered + seen.dropped) / 2)


def test_a_share_per_pattern_finds_who_is_right() -> None:
    share = by_pattern(readings())(readings(seed=1))
    assert share[readings(seed=1).pattern == 1].min() > 0.95
    assert share[readings(seed=1).pattern == 0].max() < 0.05


def test_a_share_per_window_uses_what_is_known_of_it() -> None:
    seen, new = readings(), readings(seed=1)
    assert new.loss(by_window(seen)(new)) < 0.6 * new.loss(half(seen)(new))


def test_a_gate_that_fits_noise_loses_to_equal_shares() -> None:
    rng = np.random.default_rng(0)
    seen = readings(60)
    noise = Readings(
        rng.dirichlet(np.ones(2), 60), rng.dirichlet(np.ones(2), 60), seen.features,
        np.zeros(60, np.int64), seen.labels, seen.groups,
    )  # fmt: skip
    losses = {name: held_out_loss(fit, noise) for name, fit in GATES.items()}
    assert losses["half"] < losses["window"]


def test_ours_is_between_its_two_readings() -> None:
    drop = Drop()
    drop.fit(make_pairs(), make_pairs(seed=1), QUICK)
    filled = Filled(drop, Regression())
    filled.fit(make_pairs(), make_pairs(seed=1), QUICK)
    ours = Gated(filled, drop, samples=1)
    with pytest.raises(ModelError, match="not fitted"):
        ours.predict(make_pairs())
    ours.fit(make_pairs(), make_pairs(seed=1), QUICK)
    assert ours.losses[ours.gate] == min(ours.losses.values())
    batch = make_pairs(seed=2).only({"face"})
    p, both = ours.predict(batch), (filled.predict(batch), drop.predict(batch))
    assert (p <= np.maximum(*both) + 1e-6).all()
    assert (p >= np.minimum(*both) - 1e-6).all()


def test_a_worthless_recovery_gets_a_small_share() -> None:
    drop = Drop()
    drop.fit(make_pairs(), make_pairs(seed=1), QUICK)
    filled = Filled(drop, RandomDonor(), tune=False)
    filled.fit(make_pairs(), make_pairs(seed=1), QUICK)
    ours = Gated(filled, drop, samples=1, gate="pattern")
    ours.fit(make_pairs(), make_pairs(seed=1), QUICK)
    seen = ours.readings(make_pairs(seed=2).only({"face"}))
    assert ours.share(seen).mean() < 0.3
