"""Banks of real tokens by class, and how a window's worth of them is drawn.

No data set here holds voice, face and telling words of one moment, so windows are put together
from separate sets. A bank knows how its modality fills a window: a voice window is a real one with
its own bins, a face is one person seen anew in every bin, a phrase stays the same while it is said.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError
from ..features import Bool, Float32
from ..labels import EMOTIONS, INDEX

Ints = NDArray[np.int64]
CLASSES: Final = len(EMOTIONS)


class Person(NamedTuple):
    """Two windows of each of N people: the present one and an earlier one.

    Attributes:
        tokens: (N, T, D) float32 now.
        mask: (N, T) bool.
        complete: (N, T) bool, bins that hold real tokens, whether the mask shows them or not.
        before: (N, T, D) float32 earlier.
        before_mask: (N, T) bool.
    """

    tokens: Float32
    mask: Bool
    complete: Bool
    before: Float32
    before_mask: Bool


class Bank(Protocol):
    """Tokens of one modality."""

    @property
    def dim(self) -> int:
        """D."""

    def draw(self, labels: Ints, rng: np.random.Generator) -> tuple[Float32, Bool]:
        """Tokens (N, T, D) and mask (N, T), at least one True per row, for the labels (N,)."""

    def draw_person(self, labels: Ints, earlier: Ints, rng: np.random.Generator) -> Person:
        """Windows of the labels (N,), and earlier ones of the same people with other labels."""


class ClassIndex:
    """Rows of a bank by class.

    Args:
        labels: (N,) class of each row; each of the seven occurs.
        name: of the bank, for the error.

    Raises:
        DatasetError: a class without rows.
    """

    def __init__(self, labels: Ints, name: str) -> None:
        self.labels = labels
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
        labels: (N,) int64.
        people: (N,) int64, who is in a window.
    """

    tokens: Float32
    mask: Bool
    index: ClassIndex
    labels: Ints
    people: Ints

    @property
    def dim(self) -> int:
        """D."""
        return int(self.tokens.shape[2])

    def draw(self, labels: Ints, rng: np.random.Generator) -> tuple[Float32, Bool]:
        """One stored window per label; see `Bank`."""
        rows = self.index.pick(labels, rng)
        return self.tokens[rows], self.mask[rows]

    def draw_person(self, labels: Ints, earlier: Ints, rng: np.random.Generator) -> Person:
        """Stored windows, the earlier of the same person where there is one; see `Bank`."""
        rows = self.index.pick(labels, rng)
        before = self.index.pick(earlier, rng)
        for person in np.unique(self.people[rows]):
            for label in np.unique(earlier):
                here = (self.people[rows] == person) & (earlier == label)
                own = np.flatnonzero((self.people == person) & (self.labels == label))
                if here.any() and len(own):
                    before[here] = rng.choice(own, int(here.sum()))
        return Person(
            self.tokens[rows],
            self.mask[rows],
            self.mask[rows],
            self.tokens[before],
            self.mask[before],
        )


@dataclass(frozen=True, slots=True)
class Spread:
    """How separate items fill a window.

    Attributes:
        bins: T.
        shortest: least number of consecutive bins that an item covers.
        whole: chance that it covers all bins.
        neutral: chance that a run of up to half the window shows a neutral item instead, as people
            are between expressions.
        held: chance that an earlier window of the same class shows the same item, if it has several
            views; another item of the class otherwise.
    """

    bins: int = 12
    shortest: int = 2
    whole: float = 0.6
    neutral: float = 0.25
    held: float = 0.5


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
        return self._spread(self.index.pick(labels, rng), rng)

    def draw_person(self, labels: Ints, earlier: Ints, rng: np.random.Generator) -> Person:
        """An item now, and the same or another one earlier; see `Bank` and `Spread.held`."""
        now, before = self.index.pick(labels, rng), self.index.pick(earlier, rng)
        held = (labels == earlier) & (rng.random(len(labels)) < self.spread.held)
        if self.views.shape[1] > 1:
            before = np.where(held, now, before)
        tokens, mask = self._spread(now, rng)
        return Person(tokens, mask, np.ones_like(mask), *self._spread(before, rng))

    def _spread(self, items: Ints, rng: np.random.Generator) -> tuple[Float32, Bool]:
        count, bins = len(items), self.spread.bins
        rows = np.repeat(items[:, None], bins, axis=1)
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


def halved(bank: Bank, half: int) -> Bank:
    """Half of a bank: people with even (0) or odd (1) numbers, or every second item.

    Raises:
        DatasetError: a class is not in that half.
    """
    if isinstance(bank, WindowBank):
        rows = np.flatnonzero(np.unique(bank.people, return_inverse=True)[1] % 2 == half)
        labels = bank.labels[rows]
        index = ClassIndex(labels, f"half {half}")
        return WindowBank(bank.tokens[rows], bank.mask[rows], index, labels, bank.people[rows])
    if isinstance(bank, ItemBank):
        labels = bank.index.labels
        rows = np.flatnonzero(np.arange(len(labels)) % 2 == half)
        return ItemBank(bank.views[rows], ClassIndex(labels[rows], f"half {half}"), bank.spread)
    raise TypeError(f"{type(bank).__name__} cannot be halved")
