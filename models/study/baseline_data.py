"""Clips in the order in which a person is met, each seen against what is known by then.

A *meeting* is one person's clips in a random order, after three neutral clips (ten seconds) that
are the declared calibration and are not judged. Every kind of normalisation is tried on the same
meetings, so that only the normalisation differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np

from ..baseline import (
    SCALE_FLOOR,
    BaselineRule,
    BaselineState,
    Bools,
    Floats,
    Ints,
    Population,
    declare,
    normalise,
    update,
)
from ..datasets import ravdess, ravdess_pairs
from ..errors import DatasetError

Kind = Literal["none", "declared", "running", "declared+running", "transductive"]
Order = Literal["random", "blocks"]

CALIBRATION_CLIPS: Final = 3
CLIP_NS: Final = 3_700_000_000
"""Mean length of a clip; meetings have one such step of event time per clip."""
NEUTRAL: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """One row per clip.

    Attributes:
        values: (N, D) float64.
        labels: (N,) index into `labels.EMOTIONS`.
        people: (N,) the actor.
        emotions: (N,) what was acted, 1 to 8; only the fitting of a `Population` and the choice of
            calibration clips look at it.
    """

    values: Floats
    labels: Ints
    people: Ints
    emotions: Ints

    @property
    def neutral(self) -> Bools:
        """(N,) bool, acted neutral; calm has the same class but is another expression."""
        return np.asarray(self.emotions == NEUTRAL)


@dataclass(frozen=True, slots=True, eq=False)
class Meeting:
    """One person's clips.

    Attributes:
        calibration: rows of the declared neutral clips.
        clips: rows in the order in which they come.
    """

    calibration: Ints
    clips: Ints


def load(root: Path, cache: Path) -> dict[str, People]:
    """Features of all clips by set: the voice, the face, and both side by side.

    Raises:
        DatasetError: the data are missing or malformed.
    """
    pairs = ravdess_pairs.load(root, cache)
    clips = ravdess.find_clips(root)
    voice, face = (pairs.values[name].astype(np.float64) for name in ("audio", "face"))
    sets = {"audio": voice, "face": face, "audio+face": np.hstack([voice, face])}
    return {name: labelled(clips, values) for name, values in sets.items()}


def labelled(clips: Sequence[ravdess.Clip], values: Floats) -> People:
    """Any features (N, D) of clips, with what is known of them."""
    return People(
        values,
        np.array([clip.label for clip in clips], dtype=np.int64),
        np.array([clip.actor for clip in clips], dtype=np.int64),
        np.array([int(clip.path.name[6:8]) for clip in clips], dtype=np.int64),
    )


def meetings(
    data: People, names: Ints, repeats: int, rng: np.random.Generator, order: Order = "random"
) -> list[Meeting]:
    """Meet each person several times, with other calibration clips and in another order.

    Args:
        data: all clips.
        names: the people.
        repeats: meetings of each.
        rng: source of the choices.
        order: "blocks" shows all clips of one expression before the next, the hardest order for
            a running estimate.

    Raises:
        DatasetError: a person with too few neutral clips.
    """
    met = []
    for _ in range(repeats):
        for name in names:
            own = np.flatnonzero(data.people == name)
            neutral = own[data.neutral[own]]
            if len(neutral) < CALIBRATION_CLIPS:
                raise DatasetError(f"actor {name}: {len(neutral)} neutral clips, too few")
            calibration = rng.choice(neutral, CALIBRATION_CLIPS, replace=False)
            clips = rng.permutation(np.setdiff1d(own, calibration))
            if order == "blocks":
                rank = rng.permutation(data.emotions.max() + 1)
                clips = clips[np.argsort(rank[data.emotions[clips]], kind="stable")]
            met.append(Meeting(calibration, clips))
    return met


@dataclass(frozen=True, slots=True)
class View:
    """How clips are seen.

    Attributes:
        kind: of normalisation.
        rule: of the causal kinds.
        calibration: how many of the calibration clips are used.
    """

    kind: Kind
    rule: BaselineRule = field(default_factory=BaselineRule)
    calibration: int = CALIBRATION_CLIPS


def seen(data: People, meeting: Meeting, view: View, population: Population) -> Floats:
    """The clips of a meeting in its order, normalised, (len(clips), D).

    Only "transductive" uses what comes later; the causal kinds read each clip with the state
    before it.
    """
    values = data.values[meeting.clips]
    if view.kind == "transductive":
        own = data.values[np.concatenate([meeting.calibration, meeting.clips])]
        return np.asarray((values - own.mean(axis=0)) / (own.std(axis=0) + SCALE_FLOOR))
    state = BaselineState.initial(population.dim)
    if view.kind in ("declared", "declared+running"):
        for row in data.values[meeting.calibration[: view.calibration]]:
            state = declare(state, row)
    if view.kind in ("none", "declared"):
        return normalise(state, values, population, view.rule)
    rows = np.empty_like(values)
    for place, row in enumerate(values):
        rows[place] = normalise(state, row, population, view.rule)
        state = update(state, row, place * CLIP_NS, view.rule)
    return rows
