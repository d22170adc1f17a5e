import numpy as np
import pytest

from tacit.models.errors import DatasetError
from tacit.models.labels import INDEX
from tacit.models.training.banks import (
    CLASSES,
    ClassIndex,
    ItemBank,
    Spread,
    WindowBank,
    stretches,
)

LABELS = np.repeat(np.arange(CLASSES), 3)
BINS = 6


def items(views: int = 2, **spread: float) -> ItemBank:
    """Item i of class c: every value of view k is 100 c + 10 (i mod 3) + k."""
    base = 100 * LABELS + 10 * np.tile(np.arange(3), CLASSES)
    values = (base[:, None] + np.arange(views))[..., None].repeat(4, axis=2).astype(np.float32)
    return ItemBank(values, ClassIndex(LABELS, "item"), Spread(BINS, **spread))  # type: ignore[arg-type]


def test_rows_are_picked_by_class() -> None:
    index = ClassIndex(LABELS, "any")
    wanted = np.array([3, 0, 6, 3] * 20)
    assert (LABELS[index.pick(wanted, np.random.default_rng(0))] == wanted).all()
    assert index.prior == pytest.approx(np.full(CLASSES, 1 / 7))


def test_a_class_without_samples_is_named() -> None:
    others = INDEX["disgust"] != LABELS
    with pytest.raises(DatasetError, match="face bank has no sample of disgust"):
        ClassIndex(LABELS[others], "face")


def test_stretches_are_runs_of_the_asked_length() -> None:
    runs = stretches(300, BINS, 2, 4, np.random.default_rng(0))
    assert set(runs.sum(axis=1)) == {2, 3, 4}
    assert (np.diff(runs, axis=1).sum(axis=1) <= 2).all()
    assert runs.any(axis=0).all()
    assert stretches(5, BINS, BINS, BINS, np.random.default_rng(0)).all()


def test_a_window_bank_gives_stored_windows() -> None:
    tokens = LABELS[:, None, None].repeat(BINS, axis=1).repeat(2, axis=2).astype(np.float32)
    mask = np.ones((len(LABELS), BINS), dtype=bool)
    mask[:, 0] = False
    bank = WindowBank(tokens, mask, ClassIndex(LABELS, "voice"), LABELS, LABELS)
    drawn, measured = bank.draw(np.array([5, 1]), np.random.default_rng(0))
    assert bank.dim == 2
    assert drawn[:, 0, 0].tolist() == [5.0, 1.0]
    assert measured.sum(axis=1).tolist() == [BINS - 1] * 2


def test_one_item_is_seen_anew_in_every_bin() -> None:
    wanted = np.full(200, INDEX["anger"])
    tokens, mask = items(whole=1.0, neutral=0.0).draw(wanted, np.random.default_rng(0))
    assert mask.all()
    assert (tokens // 100 == INDEX["anger"]).all()
    assert (np.ptp(tokens[..., 0] // 10, axis=1) == 0).all()  # the same item throughout
    assert (np.ptp(tokens[..., 0] % 10, axis=1) > 0).any()  # in different views


def test_coverage_and_neutral_stretches_follow_the_spread() -> None:
    wanted = np.full(400, INDEX["fear"])
    bank = items(whole=0.0, shortest=2, neutral=1.0)
    tokens, mask = bank.draw(wanted, np.random.default_rng(0))
    assert mask.sum(axis=1).min() == 2
    assert mask.sum(axis=1).max() == BINS
    shown = tokens[..., 0] // 100
    assert set(np.unique(shown)) == {INDEX["neutral"], INDEX["fear"]}
    assert ((shown == INDEX["fear"]) & mask).any(axis=1).all()  # the item always stays in sight
