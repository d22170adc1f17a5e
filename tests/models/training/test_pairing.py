import numpy as np
import pytest
import torch

from tacit.models.calibration import PATTERNS
from tacit.models.features import MODALITIES, Modality
from tacit.models.labels import INDEX
from tacit.models.training.banks import CLASSES, Bank, ClassIndex, ItemBank, Spread
from tacit.models.training.pairing import (
    PairedBatch,
    Pairer,
    PairingConfig,
    damage,
    measured_tokens,
    shared_prior,
)

BINS = 8
UNIFORM = np.full(CLASSES, 1 / CLASSES)


def pairer(**rates: float) -> Pairer:
    """Banks whose every value is the class that is shown."""
    labels = np.arange(CLASSES)
    spread = Spread(BINS, whole=1.0, neutral=0.0)
    banks: dict[Modality, Bank] = {
        m: ItemBank(labels[:, None, None].astype(np.float32), ClassIndex(labels, m), spread)
        for m in MODALITIES
    }
    return Pairer(banks, UNIFORM, PairingConfig(**rates), BINS)


def draw(count: int, pattern: str | None = None, **rates: float) -> PairedBatch:
    return pairer(**rates).draw(count, np.random.default_rng(0), pattern)


def test_without_mismatch_all_channels_show_the_label() -> None:
    batch = draw(300, "audio+face+text", mismatch=0.0)
    for name in MODALITIES:
        assert batch.mask[name].all()
        assert torch.equal(batch.tokens[name][:, 0, 0].long(), batch.labels)


def test_mismatched_channels_show_what_own_says() -> None:
    batch = draw(3000, "audio+face", mismatch=0.3, mismatch_neutral=0.5)
    differs = batch.own[:, :2] != batch.labels[:, None]
    # a seventh of the labels is neutral already, so neutral "mismatches" agree there
    assert differs.float().mean() == pytest.approx(0.3 * (1 - 0.5 / 7), abs=0.02)
    assert (batch.own[:, 2] == -1).all()
    assert torch.equal(batch.tokens["face"][:, 0, 0].long(), batch.own[:, 1])
    assert (batch.own[:, :2][differs] == INDEX["neutral"]).float().mean() > 0.4


def test_a_lone_channel_never_lies() -> None:
    batch = draw(500, "text", mismatch=1.0)
    assert torch.equal(batch.own[:, 2], batch.labels)


def test_a_named_pattern_is_whole_and_undamaged() -> None:
    for pattern, present in PATTERNS.items():
        batch = draw(20, pattern)
        for name in MODALITIES:
            assert bool(batch.mask[name].all()) == (name in present)


def test_all_patterns_occur_and_each_present_channel_keeps_a_token() -> None:
    batch = draw(3000, block_drop=1.0, bin_drop=1.0, early=0.5)
    measured = torch.stack([batch.mask[m].any(dim=1) for m in MODALITIES], dim=1)
    assert torch.equal(measured, batch.own >= 0)
    names, counts = torch.unique(measured, dim=0, return_counts=True)
    assert len(names) == 7
    assert counts.min() > 300
    assert batch.mask["audio"][measured[:, 0]].float().mean() < 0.75


def test_early_windows_hold_only_the_last_bins() -> None:
    batch = draw(500, None, early=1.0, block_drop=0.0, bin_drop=0.0)
    for name in MODALITIES:
        rows = batch.mask[name][batch.own[:, MODALITIES.index(name)] >= 0].int()
        assert (rows.diff(dim=1) >= 0).all()
        assert (rows[:, -1] == 1).all()
        assert rows[:, 0].float().mean() == pytest.approx(1 / BINS, abs=0.1)


def test_damage_only_takes_away_and_never_all() -> None:
    mask = np.ones((2000, BINS), dtype=bool)
    mask[:, :3] = False
    kept = damage(mask, PairingConfig(block_drop=1.0, bin_drop=1.0), np.random.default_rng(0))
    assert not kept[:, :3].any()
    assert kept.any(axis=1).all()
    assert kept[:, 3:].mean() < 0.7
    untouched = damage(mask, PairingConfig(block_drop=0, bin_drop=0), np.random.default_rng(0))
    assert np.array_equal(untouched, mask)


def test_the_same_seed_gives_the_same_windows() -> None:
    one, two = draw(50), draw(50)
    assert torch.equal(one.labels, two.labels)
    assert all(torch.equal(one.mask[m], two.mask[m]) for m in MODALITIES)


def test_the_shared_prior_is_flattened() -> None:
    mean = shared_prior([np.array([0.9, 0.1]), np.array([0.7, 0.3])], power=1.0)
    assert mean == pytest.approx([0.8, 0.2])
    half = shared_prior([np.array([0.8, 0.2])], power=0.5)
    assert half == pytest.approx([2 / 3, 1 / 3])
    assert shared_prior([np.array([0.8, 0.2])], power=0.0) == pytest.approx([0.5, 0.5])


def test_measured_tokens_are_those_under_the_mask() -> None:
    batch = draw(40, None, bin_drop=1.0)
    assert len(measured_tokens(batch, "face")) == int(batch.mask["face"].sum())
