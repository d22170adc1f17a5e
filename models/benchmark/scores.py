"""Figures with intervals over whole clusters, from counts per cluster.

A confusion matrix per cluster holds all that accuracy, recall and F1 need, so resampling clusters a
thousand times costs one product. The figures equal scikit-learn's on the whole part (tested).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from scipy.stats import false_discovery_control, permutation_test

from ..errors import ModelError
from ..study.statistics import draws
from .protocols import ALL_RATES

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

BINS: Final = 15
ROUNDS: Final = 1000
PERMUTATIONS: Final = 9999
METRICS: Final = ("accuracy", "uar", "macro_f1", "weighted_f1", "ece", "nll")


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Sums per cluster; repetitions (seeds) lie in the first axis.

    Attributes:
        confusion: (R, G, C, C), true class by predicted class.
        surplus: (R, G, BINS) sum of right answers minus confidence, per bin of confidence.
        surprise: (R, G) sum of -log p(label), nats.
    """

    confusion: Floats
    surplus: Floats
    surprise: Floats

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.confusion + other.confusion,
            self.surplus + other.surplus,
            self.surprise + other.surprise,
        )


def count(probabilities: Floats, labels: Ints, clusters: Ints) -> Counts:
    """Count one repetition.

    Args:
        probabilities: (N, C).
        labels: (N,) class indices.
        clusters: (N,) from 0 to G - 1.
    """
    classes, groups = probabilities.shape[1], int(clusters.max()) + 1
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((groups, classes, classes))
    np.add.at(confusion, (clusters, labels, predicted), 1.0)
    confidence = probabilities.max(axis=1).astype(np.float64)
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    surplus = np.zeros((groups, BINS))
    np.add.at(surplus, (clusters, place), (predicted == labels) - confidence)
    p = np.maximum(probabilities[np.arange(len(labels)), labels].astype(np.float64), 1e-12)
    surprise = np.bincount(clusters, -np.log(p), groups)
    return Counts(confusion[None], surplus[None], np.asarray(surprise, dtype=np.float64)[None])


def stacked(parts: Sequence[Counts]) -> Counts:
    """Repetitions side by side."""
    return Counts(
        np.concatenate([c.confusion for c in parts]),
        np.concatenate([c.surplus for c in parts]),
        np.concatenate([c.surprise for c in parts]),
    )


def curves(counted: Counts, weights: Floats) -> dict[str, Floats]:
    """All metrics under each row of cluster weights, averaged over repetitions.

    Args:
        counted: R repetitions of G clusters.
        weights: (B, G), how often each cluster is taken.

    Returns:
        by metric (B,).
    """
    matrix = np.einsum("bg,rgij->brij", weights, counted.confusion)
    hits = np.einsum("brii->bri", matrix)
    support, claimed = matrix.sum(axis=3), matrix.sum(axis=2)
    total = support.sum(axis=2)
    there = support > 0
    recall = np.where(there, hits / np.where(there, support, 1.0), 0.0)
    both = support + claimed
    f1 = np.where(both > 0, 2.0 * hits / np.where(both > 0, both, 1.0), 0.0)
    gaps = np.abs(np.einsum("bg,rgk->brk", weights, counted.surplus)).sum(axis=2)
    found = {
        "accuracy": hits.sum(axis=2) / total,
        "uar": recall.sum(axis=2) / there.sum(axis=2),
        "macro_f1": (f1 * there).sum(axis=2) / there.sum(axis=2),
        "weighted_f1": (f1 * support).sum(axis=2) / total,
        "ece": gaps / total,
        "nll": np.einsum("bg,rg->br", weights, counted.surprise) / total,
    }
    return {name: np.asarray(values.mean(axis=1)) for name, values in found.items()}


def cluster_weights(clusters: int) -> Floats:
    """Weights (1 + ROUNDS, G): each cluster once, then resampled with replacement."""
    return draws(clusters, ROUNDS)


def area(by_rate: Mapping[float, Floats]) -> Floats:
    """Area under a metric over the missing rate, as a mean height (AUILC), (B,).

    Trapezoids from rate 0 to .7, divided by .7.

    Raises:
        ModelError: a rate is missing.
    """
    lacking = [rate for rate in ALL_RATES if rate not in by_rate]
    if lacking:
        raise ModelError(f"no readings at the missing rates {lacking}")
    heights = np.stack([by_rate[rate] for rate in ALL_RATES])
    span = ALL_RATES[-1] - ALL_RATES[0]
    return np.asarray(trapezoid(heights, ALL_RATES, axis=0) / span)


def shares(counted: Counts, metric: str) -> Floats:
    """What each cluster adds to a metric, averaged over repetitions: (G,), summing to it.

    Recall and accuracy are sums over samples with fixed weights, so a paired test can exchange two
    models within each cluster. For other metrics accuracy is taken.

    Args:
        counted: R repetitions.
        metric: "uar" or another.
    """
    hits = np.einsum("rgii->rgi", counted.confusion)
    support = counted.confusion.sum(axis=3)
    total = support.sum(axis=1, keepdims=True)
    if metric == "uar":
        there = total > 0
        each = np.where(there, hits / np.where(there, total, 1.0), 0.0).sum(axis=2)
        return np.asarray((each / there.sum(axis=2)).mean(axis=0))
    return np.asarray((hits.sum(axis=2) / total.sum(axis=2)).mean(axis=0))


def paired_p(first: Floats, second: Floats) -> float:
    """Two-sided p of no difference, exchanging two models within whole clusters.

    Args:
        first: (G,) shares of one model.
        second: (G,) of the other.
    """
    if np.array_equal(first, second):
        return 1.0
    found = permutation_test(
        (first, second),
        lambda x, y, axis: np.sum(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=PERMUTATIONS,
        random_state=np.random.default_rng(0),
    )
    return float(found.pvalue)


def corrected(p: Mapping[str, float]) -> dict[str, float]:
    """Each p corrected for their number (Benjamini and Hochberg 1995: false discovery rate)."""
    if not p:
        return {}
    adjusted = false_discovery_control(list(p.values()), method="bh")
    return {name: round(float(value), 5) for name, value in zip(p, adjusted, strict=True)}
