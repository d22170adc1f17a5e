"""Banks of real tokens by class, and how a window's worth of them is drawn.

No data set here holds voice, face and telling words of one moment, so windows are put together
from separate sets. A bank knows how its modality fills a window: a voice window is a real one with
its own bins, a face is one person seen anew in every bin, a phrase stays the same while it is said.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError
from ..features import Bool, Float32
from ..labels import EMOTIONS, INDEX

Ints = NDArray[np.int64]
CLASSES: Final = len(EMOTIONS)


class Bank(Protocol):
    """Tokens of one modality."""

    @property
    def dim(self) -> int:
        """D."""

    def draw(self, labels: Ints, rng: np.random.Generator) -> tuple[Float32, Bool]:
        """Tokens (N, T, D) and mask (N, T), at least one True per row, for the labels (N,)."""


class ClassIndex:
    """Rows of a bank by class.

    Args:
        labels: (N,) class of each row; each of the seven occurs.
        name: of the bank, for the error.

    Raises:
        DatasetError: a class without rows.
    """

    def __init__(self, labels: Ints, name: str) -> None:
        self._rows = [np.flatnonzero(labels == index) for index in range(CLASSES)]
        for emotion, rows in zip(EMOTIONS, self._rows, strict=True):
            if len(rows) == 0:
                raise DatasetError(f"the {name} bank has no sample of {emotion}")
        self.prior = np.array([len(rows) for rows in self._rows]) / len(labels)

    def pick(self, labels: Ints, rng: np.random.Generator) -> Ints:
        """One random row per label, (N,)."""
        chosen = np.empty(len(labels), dtype=np.int64)
        for index, rows in enumerate(self._rows):
            here = labels == index
            chosen[here] = rng.choice(rows, int(here.sum()))
        return chosen


def stretches(count: int, bins: int, shortest: int, longest: int, rng: np.random.Generator) -> Bool:
    """Random runs of consecutive bins.

    Args:
        count: N.
        bins: T.
        shortest: least length of a run, >= 1.
        longest: greatest length of a run, <= T.
        rng: source of lengths and places.

    Returns:
        (N, T) bool, one run of True per row.
    """
    length = rng.integers(shortest, longest + 1, size=count)
    start = rng.integers(0, bins - length + 1)
    place = np.arange(bins)
    return np.asarray((place >= start[:, None]) & (place < (start + length)[:, None]))


@dataclass(frozen=True, slots=True, eq=False)
class WindowBank:
    """Whole windows, as cut from recordings.

    Attributes:
        tokens: (N, T, D) float32.
        mask: (N, T) bool, at least one True per row.
        index: rows by class.
    """

    tokens: Float32
    mask: Bool
    index: ClassIndex

    @property
    def dim(self) -> int:
        """D."""
        return int(self.tokens.shape[2])

    def draw(self, labels: Ints, rng: np.random.Generator) -> tuple[Float32, Bool]:
        """One stored window per label; see `Bank`."""
        rows = self.index.pick(labels, rng)
        return self.tokens[rows], self.mask[rows]


@dataclass(frozen=True, slots=True)
class Spread:
    """How separate items fill a window.

    Attributes:
        bins: T.
        shortest: least number of consecutive bins that an item covers.
        whole: chance that it covers all bins.
        neutral: chance that a run of up to half the window shows a neutral item instead, as people
            are between expressions.
    """

    bins: int = 12
    shortest: int = 2
    whole: float = 0.6
    neutral: float = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class ItemBank:
    """Separate items, such as a portrait or a comment, each in one or more views.

    Attributes:
        views: (N, K, D) float32; every bin gets a random view of the item.
        index: rows by class.
        spread: how an item fills a window.
    """

    views: Float32
    index: ClassIndex
    spread: Spread

    @property
    def dim(self) -> int:
        """D."""
        return int(self.views.shape[2])

    def draw(self, labels: Ints, rng: np.random.Generator) -> tuple[Float32, Bool]:
        """One item per label, spread over bins; see `Bank`."""
        count, bins = len(labels), self.spread.bins
        rows = np.repeat(self.index.pick(labels, rng)[:, None], bins, axis=1)
        other = self.index.pick(np.full(count, INDEX["neutral"]), rng)[:, None]
        mask = stretches(count, bins, self.spread.shortest, bins, rng)
        mask |= (rng.random(count) < self.spread.whole)[:, None]
        away = stretches(count, bins, 1, max(1, bins // 2), rng)
        away &= (rng.random(count) < self.spread.neutral)[:, None]
        # Something of the item itself must stay in sight, or the label would be a lie.
        away &= (mask & ~away).any(axis=1)[:, None]
        rows = np.where(away, other, rows)
        views = rng.integers(0, self.views.shape[1], size=rows.shape)
        return self.views[rows, views], mask
