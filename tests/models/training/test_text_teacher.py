from typing import Any

import numpy as np
import pytest

from tacit.models.features import Float32
from tacit.models.training.text_teacher import (
    Ints,
    Opinions,
    TeacherConfig,
    WordCounts,
    cross_fitted,
    fit_network,
    fit_regression,
    fold_of,
)

TEXTS = ["good day", "bad day", "good night", "bad night"] * 6


def targets() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Class 1 for good, 2 for bad."""
    return np.eye(7, dtype=np.float32)[[1 if "good" in text else 2 for text in TEXTS]]


def test_regression_on_words_finds_what_tells_the_classes_apart() -> None:
    counts = WordCounts.of(TEXTS)
    opinions = fit_regression(counts.rows(TEXTS), targets(), 2.0, 40)
    found = opinions(counts.rows(["a good thing", "bad!"]))
    assert found.argmax(1).tolist() == [1, 2]
    assert found.sum(1) == pytest.approx(np.ones(2), abs=1e-5)


def test_a_stronger_penalty_makes_opinions_more_even() -> None:
    rows = WordCounts.of(TEXTS).rows(TEXTS)
    sure = fit_regression(rows, targets(), 10.0, 40)(rows).max()
    careful = fit_regression(rows, targets(), 0.01, 40)(rows).max()
    assert careful < sure - 0.2


def test_a_network_learns_from_vectors_and_repeats_itself() -> None:
    random = np.random.default_rng(0)
    classes = random.integers(0, 7, 280)
    centres = random.normal(0, 3, (7, 12))
    vectors = (centres[classes] + random.normal(0, 1, (280, 12))).astype(np.float32)
    config = TeacherConfig(hidden=32, epochs=12, rate=1e-2, dropout=0.1)
    wanted = np.eye(7, dtype=np.float32)[classes]
    first = fit_network(vectors, wanted, config, seed=3)(vectors)
    assert (first.argmax(1) == classes).mean() > 0.9
    again = fit_network(vectors, wanted, config, seed=3)(vectors)
    assert np.array_equal(first, again)


def test_folds_are_even_and_repeatable() -> None:
    folds = fold_of(10, 3, seed=1)
    assert sorted(np.bincount(folds)) == [3, 3, 4]
    assert np.array_equal(folds, fold_of(10, 3, seed=1))


def test_no_sentence_is_judged_by_a_model_that_saw_it() -> None:
    rows = np.arange(12, dtype=np.float32)[:, None]
    folds = fold_of(12, 3, seed=0)
    seen: list[set[int]] = []

    def fit(chosen: Ints, fold: int) -> Opinions:
        known = set(chosen.tolist())
        seen.append(known)

        def opinions(new: Any) -> Float32:
            saw = [float(int(x) in known) for x in new[:, 0]]
            return np.tile(np.array(saw, dtype=np.float32)[:, None], (1, 7))

        return opinions

    held, (others,) = cross_fitted(rows, folds, [rows], fit)
    assert (held == 0).all()
    assert others == pytest.approx(np.full((12, 7), 2 / 3))
    assert len(seen) == 3
