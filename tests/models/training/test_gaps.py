from dataclasses import replace

import numpy as np
import pytest
import torch

from tacit.models.features import MODALITIES
from tacit.models.fusion import Fusion, FusionConfig
from tacit.models.recovery.plan import GAPS
from tacit.models.training.gaps import GapConfig, GapPairer, Gaps
from tacit.models.training.pairing import Pairer, PairingConfig
from tests.fakes.token_data import BINS, DIMS, token_data

PRIOR = np.full(7, 1 / 7)
FUSION = Fusion(FusionConfig(DIMS, BINS, width=8, layers=1, heads=2))
CONFIG = GapConfig(tokens=3)


def draw(count: int, gap: str | None = None, seed: int = 0, **change: float) -> Gaps:
    pairer = Pairer(token_data().banks["train"], PRIOR, PairingConfig(), BINS)
    config = replace(CONFIG, **change)  # type: ignore[arg-type]
    return GapPairer(pairer, FUSION, config).draw(count, np.random.default_rng(seed), gap)


@pytest.mark.parametrize("gap", list(GAPS))
def test_a_named_gap_loses_what_it_says(gap: str) -> None:
    gaps = draw(30, gap)
    measured, lost = GAPS[gap]
    for name in MODALITIES:
        assert bool(gaps.condition.measured[name].any(dim=1).all()) == (name in measured)
        assert bool(gaps.condition.wanted[name].all()) == (name in lost)
        assert bool(gaps.condition.wanted[name].any()) == (name in lost)
        assert not gaps.condition.degradation[name].any()


def test_drawn_windows_always_have_something_and_never_both() -> None:
    gaps = draw(400)
    anything = torch.zeros(400, dtype=torch.bool)
    for name in MODALITIES:
        measured, wanted = gaps.condition.measured[name], gaps.condition.wanted[name]
        assert not (measured & wanted).any()
        anything |= measured.any(dim=1)
        assert wanted.any()
        assert (gaps.truth[name][gaps.complete[name]] != 0).any()
    assert anything.all()


def test_what_is_measured_is_true_unless_it_is_degraded() -> None:
    gaps = draw(300, degraded=1.0)
    clean = draw(300, degraded=0.0)
    for name in MODALITIES:
        level = gaps.condition.degradation[name]
        assert ((level >= 0) & (level <= 1)).all()
        mask = gaps.condition.measured[name]
        error = (gaps.condition.values[name] - gaps.truth[name]).square().mean(dim=2)
        loud, quiet = (level > 0.8)[:, None] & mask, (level < 0.2)[:, None] & mask
        assert error[loud].mean() > 5.0 * error[quiet].mean()
        mask = clean.condition.measured[name]
        assert torch.equal(clean.condition.values[name][mask], clean.truth[name][mask])


def test_the_past_is_older_than_the_gap_and_newest_first() -> None:
    gaps = draw(500, "audio|face", past=1.0)
    past = gaps.condition.past
    assert past is not None
    assert past.mask["face"].any(dim=1).float().mean() > 0.8
    assert not past.mask["audio"].any()
    assert not past.mask["text"].any()
    mask, age_s = past.mask["face"], past.age_s["face"]
    assert age_s[mask].min() >= CONFIG.youngest_s
    assert age_s[mask].max() <= CONFIG.oldest_s
    both = mask[:, 1:] & mask[:, :-1]
    assert (age_s[:, 1:] > age_s[:, :-1])[both].all()


def test_the_past_shows_the_same_class_the_oftener_the_younger_it_is() -> None:
    """Classes lie far apart in the made-up banks, so that tokens tell theirs."""
    gaps = draw(1500, "audio|face", past=1.0, persistence_s=3.0)
    past = gaps.condition.past
    assert past is not None
    known = past.mask["face"][:, 0]
    middle = gaps.truth["face"].mean(dim=1)
    near = (past.values["face"][:, 0] - middle).square().mean(dim=1) < 0.7
    age_s = past.age_s["face"][:, 0]
    young = near[known & (age_s < 1.5)].float().mean()
    old = near[known & (age_s > 6.0)].float().mean()
    assert young > old + 0.15


def test_in_a_short_gap_the_past_is_the_windows_own_beginning() -> None:
    gaps = draw(200, "audio|face", past=1.0, youngest_s=0.5, oldest_s=10.0)
    past = gaps.condition.past
    assert past is not None
    checked = 0
    for row in range(200):
        if not past.mask["face"][row, 0] or past.age_s["face"][row, 0] > BINS * 0.25:
            continue
        place = round(float(BINS - 0.5 - past.age_s["face"][row, 0] / 0.25))
        assert torch.allclose(past.values["face"][row, 0], gaps.truth["face"][row, place])
        checked += 1
    assert checked > 5


def test_the_same_seed_draws_the_same() -> None:
    one, two, other = draw(20, seed=1), draw(20, seed=1), draw(20, seed=2)
    assert torch.equal(one.truth["face"], two.truth["face"])
    assert torch.equal(one.condition.measured["face"], two.condition.measured["face"])
    assert not torch.equal(one.truth["face"], other.truth["face"])
