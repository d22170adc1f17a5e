"""Figures for training and evaluation; needs the `train` extra, so run time imports none of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, recall_score

from .errors import ModelError

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


class Interval(NamedTuple):
    """A figure with its uncertainty.

    Attributes:
        value: on all samples.
        low: lower end of the interval.
        high: upper end of the interval.
    """

    value: float
    low: float
    high: float


def accuracy(labels: Ints, predicted: Ints) -> float:
    """Share of right answers, [0, 1]."""
    return float(accuracy_score(labels, predicted))


def unweighted_average_recall(labels: Ints, predicted: Ints) -> float:
    """Mean recall over the classes that occur in `labels` (UAR, balanced accuracy), [0, 1]."""
    present = np.unique(labels)
    return float(recall_score(labels, predicted, labels=present, average="macro", zero_division=0))


def macro_f1(labels: Ints, predicted: Ints) -> float:
    """Mean F1 over the classes that occur in `labels`, [0, 1]."""
    present = np.unique(labels)
    return float(f1_score(labels, predicted, labels=present, average="macro", zero_division=0))


def weighted_f1(labels: Ints, predicted: Ints) -> float:
    """F1 averaged with the class frequencies as weights, [0, 1]."""
    return float(f1_score(labels, predicted, average="weighted", zero_division=0))


def expected_calibration_error(probabilities: Floats, labels: Ints, bins: int = 15) -> float:
    """Gap between confidence and accuracy over equal-width confidence bins (ECE), [0, 1].

    Weighted by how many samples fall into each bin (Naeini et al. 2015; Guo et al. 2017).

    Args:
        probabilities: (N, C), rows summing to 1, N > 0.
        labels: (N,) class indices.
        bins: how many.
    """
    confidence = np.asarray(probabilities, dtype=np.float64).max(axis=1)
    right = (np.argmax(probabilities, axis=1) == labels).astype(np.float64)
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(place, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def selective_error(probabilities: Floats, labels: Ints, threshold: float) -> tuple[float, float]:
    """Error among the answers given, and the share of samples answered.

    Args:
        probabilities: (N, C).
        labels: (N,) class indices.
        threshold: an answer is given from this confidence on.

    Returns:
        error in [0, 1] (0 when nothing is answered) and coverage in [0, 1].
    """
    answered = probabilities.max(axis=1) >= threshold
    if not answered.any():
        return 0.0, 0.0
    wrong = np.argmax(probabilities, axis=1) != labels
    return float(wrong[answered].mean()), float(answered.mean())


def bootstrap_interval(
    metric: Callable[[Ints, Ints], float],
    labels: Ints,
    predicted: Ints,
    clusters: Ints,
    rounds: int = 1000,
    seed: int = 0,
) -> Interval:
    """95 % percentile interval that resamples whole clusters, such as speakers, with replacement.

    Args:
        metric: of (labels, predicted).
        labels: (N,) class indices.
        predicted: (N,) class indices.
        clusters: (N,) which samples belong together.
        rounds: resamplings.
        seed: of the resampling.

    Raises:
        ModelError: fewer than two clusters.
    """
    names = np.unique(clusters)
    if len(names) < 2:
        raise ModelError(f"{len(names)} cluster: an interval needs at least two")
    members = [np.flatnonzero(clusters == name) for name in names]
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        chosen = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        values.append(metric(labels[chosen], predicted[chosen]))
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(metric(labels, predicted), float(low), float(high))
