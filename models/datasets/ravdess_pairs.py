"""RAVDESS audio and face of the same take, one vector each per utterance.

Audio is described by `audio_functionals`, the face by the means of 35 action units (17 intensities,
18 presences; OpenFace, from the data folder). Both were recorded at one moment from one person, so
these are real pairs. The two spoken sentences are fixed and carry no emotion: there is no text.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..audio_functionals import DIM, functionals
from ..errors import DatasetError
from ..features import Float32, Modality
from .ravdess import Clip, find_clips, read_audio

Ints = NDArray[np.integer[Any]]

FACE_FILE: Final = Path("ravdess") / "face_au_mean.npz"
CACHE_FILE: Final = "ravdess_functionals.npz"
UNITS: Final = 35
FOLDS: Final = 5
VALID_ACTORS: Final = 3
LEAST_SPREAD: Final = 1e-3
"""A feature that a speaker varies less than this is only centred."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """All takes, in the order of their audio file names.

    Attributes:
        values: audio (N, 141) and face (N, 35) float32.
        labels: (N,) int64 into `labels.EMOTIONS`.
        actors: (N,) int64 from 1.
    """

    values: Mapping[Modality, Float32]
    labels: Ints
    actors: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of each part; no actor is in two parts."""

    train: Ints
    valid: Ints
    test: Ints


def load(root: Path, cache: Path) -> Pairs:
    """Read all takes that have both audio and face.

    Args:
        root: the data folder.
        cache: folder for the audio statistics, which take a quarter of a minute to compute.

    Raises:
        DatasetError: a folder or file is missing or malformed, or a take has no face.
    """
    clips = find_clips(root)
    audio = audio_values(clips, cache)
    faces = face_values(root)
    missing = [c.path.name for c in clips if c.path.stem[3:] not in faces]
    if missing:
        raise DatasetError(f"{root / FACE_FILE}: no face for {len(missing)} takes: {missing[0]}")
    face = np.stack([faces[c.path.stem[3:]] for c in clips])
    return Pairs(
        values={"audio": audio, "face": face},
        labels=np.array([c.label for c in clips], dtype=np.int64),
        actors=np.array([c.actor for c in clips], dtype=np.int64),
    )


def face_values(root: Path) -> dict[str, Float32]:
    """Action-unit means (35,) by file name without extension and leading field.

    Raises:
        DatasetError: the file is missing or malformed.
    """
    path = root / FACE_FILE
    try:
        with np.load(path, allow_pickle=False) as data:
            names, units = data["names"], data["au"].astype(np.float32)
    except (OSError, KeyError, ValueError) as exc:
        raise DatasetError(f"{path}: cannot be read: {exc}") from exc
    if units.shape != (len(names), UNITS) or not np.isfinite(units).all():
        raise DatasetError(f"{path}: units {units.shape}, ({len(names)}, {UNITS}) finite wanted")
    return {str(name)[3:]: row for name, row in zip(names, units, strict=True)}


def audio_values(clips: tuple[Clip, ...], cache: Path) -> Float32:
    """Statistics (N, 141) of all clips, computed once per list of files."""
    listed = "\n".join(f"{c.path.name} {c.path.stat().st_size}" for c in clips)
    key = hashlib.sha256(f"{DIM}\n{listed}".encode()).hexdigest()
    path = cache / CACHE_FILE
    if path.is_file():
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["key"]) == key:
                return np.asarray(stored["values"], dtype=np.float32)
    values = np.stack([functionals(read_audio(c.path)) for c in clips])
    cache.mkdir(parents=True, exist_ok=True)
    # Written aside and renamed, so that a run beside this one never reads half a file.
    aside = cache / f".{CACHE_FILE}.{os.getpid()}.npz"
    np.savez(aside, key=key, values=values)
    aside.replace(path)
    return values


def normalise_by_speaker(values: Float32, speakers: Ints) -> Float32:
    """Centre and scale (N, D) by the statistics of each speaker's own rows.

    Transductive: it uses every clip of a speaker, also those still to come, but no label.
    """
    scaled = np.empty_like(values)
    for speaker in np.unique(speakers):
        rows = speakers == speaker
        centred = values[rows] - values[rows].mean(axis=0)
        spread = values[rows].std(axis=0)
        scaled[rows] = centred / np.where(spread > LEAST_SPREAD, spread, 1.0)
    return scaled


def fold_rows(actors: Ints, fold: int, inner: bool = False) -> Rows:
    """Speaker-disjoint parts of one fold of five over the neighbouring groups of actors.

    Fold k tests on the k-th group and validates on `VALID_ACTORS` of the next one.

    Args:
        actors: (N,).
        fold: 0 to 4.
        inner: for choosing settings: the group after the validation's stands in for the test
            group, which is left out altogether.

    Raises:
        DatasetError: another fold, or fewer than two actors per group.
    """
    groups = np.array_split(np.unique(actors), FOLDS)
    if not 0 <= fold < FOLDS or len(groups[-1]) < 2:
        raise DatasetError(f"fold {fold} of {len(np.unique(actors))} actors: 0 to 4 of 10 or more")
    test, following = groups[fold], groups[(fold + 1) % FOLDS]
    valid = following[:VALID_ACTORS]
    judged = groups[(fold + 2) % FOLDS] if inner else test
    held = np.concatenate([test, valid, judged])
    parts = (~np.isin(actors, held), np.isin(actors, valid), np.isin(actors, judged))
    return Rows(*(np.flatnonzero(part) for part in parts))


def labelled_share(labels: Ints, rows: Ints, share: float, seed: int) -> Ints:
    """A part of `rows` with the same share of every class, at least one each.

    Args:
        labels: (N,) of all clips.
        rows: that may be chosen from.
        share: in (0, 1].
        seed: of the choice.

    Returns:
        chosen rows, ascending.
    """
    rng = np.random.default_rng([seed, 10])
    chosen = []
    for label in np.unique(labels[rows]):
        members = rows[labels[rows] == label]
        count = max(1, round(share * len(members)))
        chosen.append(rng.choice(members, size=count, replace=False))
    return np.sort(np.concatenate(chosen))
