"""Figures with intervals over whole clusters, and paired differences between two methods.

Everything is computed from sums per cluster, so that resampling 2000 times costs one matrix
product: a bootstrap sample is a vector of how often each cluster was drawn.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..metrics import Interval

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

ROUNDS: Final = 2000
EDGES: Final = (0.025, 0.975)


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Sums per cluster of one method under one condition; repetitions lie in the first axis.

    Attributes:
        hits: (R, G, C) right answers of each true class.
        support: (R, G, C) samples of each true class.
        surprise: (R, G) sum of -log p(label) in nats.
    """

    hits: Floats
    support: Floats
    surprise: Floats

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.hits + other.hits, self.support + other.support, self.surprise + other.surprise
        )


def tally(probabilities: Floats, labels: Ints, clusters: Ints, classes: int) -> Tally:
    """Count one repetition.

    Args:
        probabilities: (N, C).
        labels: (N,) class indices.
        clusters: (N,) cluster indices from 0 to G - 1, all of which occur.
        classes: C.
    """
    count = int(clusters.max()) + 1
    right = probabilities.argmax(axis=1) == labels
    p = np.maximum(probabilities[np.arange(len(labels)), labels].astype(np.float64), 1e-12)
    cell = clusters * classes + labels
    shape = (1, count, classes)
    return Tally(
        np.bincount(cell, right.astype(np.float64), count * classes)
        .astype(np.float64)
        .reshape(shape),
        np.bincount(cell, minlength=count * classes).astype(np.float64).reshape(shape),
        np.bincount(clusters, -np.log(p), count).astype(np.float64)[None],
    )


def stack(tallies: list[Tally]) -> Tally:
    """Repetitions, such as seeds, side by side."""
    return Tally(
        np.concatenate([t.hits for t in tallies]),
        np.concatenate([t.support for t in tallies]),
        np.concatenate([t.surprise for t in tallies]),
    )


def draws(clusters: int, rounds: int = ROUNDS, seed: int = 0) -> Floats:
    """How often each cluster is drawn: (1 + rounds, G), the first row once each.

    Raises:
        ModelError: fewer than two clusters.
    """
    if clusters < 2:
        raise ModelError(f"{clusters} cluster: an interval needs at least two")
    rng = np.random.default_rng(seed)
    sampled = rng.multinomial(clusters, np.full(clusters, 1.0 / clusters), size=rounds)
    weights: Floats = np.concatenate([np.ones((1, clusters)), sampled]).astype(np.float64)
    return weights


def recall_curve(counted: Tally, weights: Floats) -> Floats:
    """Unweighted average recall under each row of weights, averaged over repetitions: (B,)."""
    hits = np.einsum("bg,rgc->brc", weights, counted.hits)
    support = np.einsum("bg,rgc->brc", weights, counted.support)
    present = support > 0
    recall = np.where(present, hits / np.where(present, support, 1.0), 0.0)
    return np.asarray((recall.sum(axis=2) / present.sum(axis=2)).mean(axis=1))


def accuracy_curve(counted: Tally, weights: Floats) -> Floats:
    """Accuracy under each row of weights, averaged over repetitions: (B,)."""
    hits = np.einsum("bg,rgc->br", weights, counted.hits)
    support = np.einsum("bg,rgc->br", weights, counted.support)
    return np.asarray((hits / support).mean(axis=1))


def surprise_curve(counted: Tally, weights: Floats) -> Floats:
    """Mean -log p(label) in nats under each row of weights, averaged over repetitions: (B,)."""
    total = np.einsum("bg,rg->br", weights, counted.surprise)
    support = np.einsum("bg,rgc->br", weights, counted.support)
    return np.asarray((total / support).mean(axis=1))


def interval(curve: Floats) -> Interval:
    """95 % percentile interval of a curve whose first entry is the figure itself."""
    low, high = np.quantile(curve[1:], EDGES)
    return Interval(float(curve[0]), float(low), float(high))
