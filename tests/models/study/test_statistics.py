import numpy as np
import pytest
from sklearn.metrics import accuracy_score, recall_score

from tacit.models.errors import ModelError
from tacit.models.study.statistics import (
    Floats,
    Ints,
    accuracy_curve,
    draws,
    interval,
    recall_curve,
    stack,
    surprise_curve,
    tally,
)


def answers(seed: int, count: int = 120) -> tuple[Floats, Ints, Ints]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    p = rng.dirichlet(np.ones(3), count) + 0.3 * np.eye(3)[labels]
    return p / p.sum(axis=1, keepdims=True), labels, np.arange(count) % 6


def test_figures_equal_those_of_the_library() -> None:
    p, labels, clusters = answers(0)
    counted, ones = tally(p, labels, clusters, 3), np.ones((1, 6))
    picked = p.argmax(axis=1)
    assert recall_curve(counted, ones)[0] == pytest.approx(
        recall_score(labels, picked, average="macro")
    )
    assert accuracy_curve(counted, ones)[0] == pytest.approx(accuracy_score(labels, picked))
    assert surprise_curve(counted, ones)[0] == pytest.approx(
        -np.log(p[np.arange(120), labels]).mean()
    )


def test_a_resampled_figure_is_that_of_the_repeated_clusters() -> None:
    p, labels, clusters = answers(1)
    weights = np.array([[2.0, 0.0, 1.0, 0.0, 0.0, 3.0]])
    rows = np.concatenate([np.flatnonzero(clusters == c) for c in (0, 0, 2, 5, 5, 5)])
    expected = recall_score(labels[rows], p[rows].argmax(axis=1), average="macro")
    assert recall_curve(tally(p, labels, clusters, 3), weights)[0] == pytest.approx(expected)


def test_repetitions_are_averaged_not_pooled() -> None:
    p, labels, clusters = answers(2)
    good = np.eye(3)[labels]
    both = stack([tally(p, labels, clusters, 3), tally(good, labels, clusters, 3)])
    ones = np.ones((1, 6))
    single = recall_curve(tally(p, labels, clusters, 3), ones)[0]
    assert recall_curve(both, ones)[0] == pytest.approx((single + 1.0) / 2)


def test_a_class_that_was_not_drawn_does_not_count() -> None:
    labels, clusters = np.array([0, 0, 1]), np.array([0, 0, 1])
    counted = tally(np.eye(2)[[0, 1, 1]], labels, clusters, 2)
    assert recall_curve(counted, np.array([[1.0, 0.0]]))[0] == 0.5


def test_draws_are_whole_clusters_and_start_with_the_figure() -> None:
    weights = draws(20, rounds=500)
    assert weights.shape == (501, 20)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 20).all()
    assert np.array_equal(weights, draws(20, rounds=500))
    with pytest.raises(ModelError, match="at least two"):
        draws(1)


def test_an_interval_covers_the_middle_and_pairing_narrows_it() -> None:
    p, labels, clusters = answers(3)
    weights = draws(6, rounds=1000)
    curve = recall_curve(tally(p, labels, clusters, 3), weights)
    found = interval(curve)
    assert found.low < found.value < found.high
    assert interval(curve - curve) == (0.0, 0.0, 0.0)
