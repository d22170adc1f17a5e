"""Streams of one person's takes, cut into windows with a past, a gap, and a label.

A stream is a person's takes one after another in random order. Each token is seen against the
person's running baseline as it was before its take, as a live session would have it. A window of
3 s ends inside a take and is labelled with it; its past are the 2 s before the window.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..baseline import (
    BaselineRule,
    BaselineState,
    Population,
    fit_population,
    normalise,
    update,
)
from ..features import Bool, Float32, Modality, TokenGrid
from .streams_tokens import Ints, Takes

GRID: Final = TokenGrid()
BINS: Final = GRID.bins
PAST: Final = 8
SPAN: Final = PAST + BINS
BIN_S: Final = GRID.bin_ns / 1e9
CLAMP: Final = 5.0
"""Normalised tokens are cut here."""
RULE: Final = BaselineRule(pull=5.0, scale_count=200.0)
"""Tokens of a take resemble each other, so that each is worth less than an observation."""
NAMES: Final[tuple[Modality, ...]] = ("audio", "face")
GapSize = Literal[0, 2, 4, 8, 12]
GAPS: Final[tuple[GapSize, ...]] = (2, 4, 8, 12)
"""Lengths of gaps in bins: 0.5, 1 and 2 s, and the whole window."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """The takes of some people in one order each.

    Attributes:
        tokens: per modality (B, D) float32, normalised.
        measured: per modality (B,) bool.
        first: (N,) int64, the person's first bin; N takes in the order of `takes`.
        begin: (N,) int64, the take's first bin.
        end: (N,) int64, one after its last.
        takes: (N,) int64, rows of `Takes`.
        labels: (N,) int64.
        people: (N,) int64.
    """

    tokens: dict[Modality, Float32]
    measured: dict[Modality, Bool]
    first: Ints
    begin: Ints
    end: Ints
    takes: Ints
    labels: Ints
    people: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Windows before anything is lost.

    Attributes:
        tokens: per modality (N, SPAN, D) float32, the past first; 0 where not measured.
        measured: per modality (N, SPAN) bool.
        labels: (N,) int64.
        people: (N,) int64.
    """

    tokens: dict[Modality, Float32]
    measured: dict[Modality, Bool]
    labels: Ints
    people: Ints


@dataclass(frozen=True, slots=True)
class Populations:
    """How people differ, by modality."""

    audio: Population
    face: Population


def populations(takes: Takes, people: Ints) -> Populations:
    """Measure how some people differ, token by token."""
    owner = np.repeat(takes.people, np.diff(takes.start))
    calm = np.repeat(takes.labels == 0, np.diff(takes.start))
    mine = np.isin(owner, people)
    seen = mine & takes.seen
    return Populations(
        fit_population(takes.audio[mine].astype(np.float64), owner[mine], calm[mine]),
        fit_population(takes.face[seen].astype(np.float64), owner[seen], calm[seen]),
    )


def make_stream(takes: Takes, people: Ints, known: Populations, rng: np.random.Generator) -> Stream:
    """Put each person's takes into a random order, and normalise them as they come."""
    order = [rng.permutation(np.flatnonzero(takes.people == name)) for name in people]
    rows = np.concatenate(order)
    bins = np.concatenate([np.arange(takes.start[r], takes.start[r + 1]) for r in rows])
    lengths = takes.start[rows + 1] - takes.start[rows]
    end = np.cumsum(lengths)
    sizes = [len(one) for one in order]
    first = np.repeat((end - lengths)[np.cumsum([0, *sizes[:-1]])], sizes)
    tokens: dict[Modality, Float32] = {}
    measured: dict[Modality, Bool] = {
        "audio": np.ones(len(bins), np.bool_),
        "face": takes.seen[bins],
    }
    for name, values, population in (
        ("audio", takes.audio, known.audio),
        ("face", takes.face, known.face),
    ):
        modality: Modality = "audio" if name == "audio" else "face"
        parts = [
            _normalised(values, takes, one, population, measured_of(takes, modality))
            for one in order
        ]
        tokens[modality] = np.concatenate(parts)
    return Stream(
        tokens,
        measured,
        first,
        end - lengths,
        end,
        rows,
        takes.labels[rows],
        takes.people[rows],
    )


def measured_of(takes: Takes, modality: Modality) -> Bool:
    """(B,) bool, whether the modality was measured in each bin."""
    return takes.seen if modality == "face" else np.ones(len(takes.seen), np.bool_)


def _normalised(
    values: Float32, takes: Takes, order: Ints, population: Population, known: Bool
) -> Float32:
    """One person's tokens in their order, each take with the state before it; 0 if not known."""
    state = BaselineState.initial(population.dim)
    parts = []
    for row in order:
        here = slice(int(takes.start[row]), int(takes.start[row + 1]))
        there = known[here]
        rows = values[here].astype(np.float64)
        seen = np.clip(normalise(state, rows, population, RULE), -CLAMP, CLAMP)
        parts.append(np.where(there[:, None], seen, 0.0).astype(np.float32))
        for token in rows[there]:
            state = update(state, token, 0, RULE)
    return np.concatenate(parts)


def cut(stream: Stream, rows: Ints, rng: np.random.Generator) -> Windows:
    """Cut one window out of each of some takes, at a random place wholly inside where it fits."""
    begin, end = stream.begin[rows], stream.end[rows]
    soonest = np.minimum(begin + BINS, end)
    stop = rng.integers(soonest, end + 1)
    place = stop[:, None] + np.arange(-SPAN, 0)
    inside = place >= stream.first[rows, None]
    place = np.maximum(place, 0)
    tokens, measured = {}, {}
    for name in NAMES:
        there = stream.measured[name][place] & inside
        measured[name] = there
        tokens[name] = np.where(there[:, :, None], stream.tokens[name][place], np.float32(0))
    return Windows(tokens, measured, stream.labels[rows], stream.people[rows])


def gap_mask(sizes: Ints, rng: np.random.Generator) -> Bool:
    """Where the gaps are, (N, BINS) bool, one run of the given length per row."""
    start = rng.integers(0, BINS - sizes + 1)
    place = np.arange(BINS)
    return np.asarray((place >= start[:, None]) & (place < (start + sizes)[:, None]))
