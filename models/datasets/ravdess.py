"""RAVDESS speech (Livingstone and Russo 2018): acted audio of 20 actors, split by actor.

A file name reads `03-01-EE-II-SS-RR-AA`: emotion, intensity, sentence, repetition, actor. Odd
actors are men, even ones women.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from ..audio_blocks import SAMPLE_RATE_HZ
from ..errors import DatasetError
from ..features import Float32
from ..labels import INDEX, RAVDESS

Sex = Literal["male", "female"]

LICENCE: Final = "RAVDESS is CC BY-NC-SA 4.0: non-commercial use only"
ACTORS: Final = tuple(range(1, 21))
TEST_ACTORS: Final = (17, 18, 19, 20)
_NAME: Final = re.compile(r"03-01-(0[1-8])-0([12])-0([12])-0([12])-(\d\d)\.(?:flac|wav)")


@dataclass(frozen=True, slots=True)
class Clip:
    """One spoken sentence.

    Attributes:
        path: the audio file.
        label: index into `labels.EMOTIONS`.
        actor: from 1.
        strong: acted with strong intensity.
    """

    path: Path
    label: int
    actor: int
    strong: bool

    @property
    def sex(self) -> Sex:
        """Sex of the actor."""
        return "male" if self.actor % 2 else "female"


@dataclass(frozen=True, slots=True)
class Split:
    """Clips by part; no actor is in two parts."""

    train: tuple[Clip, ...]
    valid: tuple[Clip, ...]
    test: tuple[Clip, ...]


def parse_clip(path: Path) -> Clip:
    """Read what a file name says.

    Raises:
        DatasetError: the name is not one of RAVDESS speech.
    """
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise DatasetError(f"{path}: not a RAVDESS speech name such as 03-01-05-02-01-01-17.flac")
    emotion, intensity, _, _, actor = match.groups()
    return Clip(path, INDEX[RAVDESS[emotion]], int(actor), intensity == "2")


def find_clips(root: Path) -> tuple[Clip, ...]:
    """List all clips below a data folder, in the order of their names.

    Args:
        root: the data folder that holds `ravdess/audio`.

    Raises:
        DatasetError: no clips there, or a file with another name.
    """
    folder = root / "ravdess" / "audio"
    paths = sorted(p for p in folder.rglob("*") if p.suffix in {".flac", ".wav"})
    if not paths:
        raise DatasetError(f"{folder}: no RAVDESS audio here; give the data folder with --root")
    return tuple(parse_clip(p) for p in paths)


def split_by_actor(
    clips: Iterable[Clip], valid: Iterable[int], test: Iterable[int] = TEST_ACTORS
) -> Split:
    """Put the clips of some actors into validation and test, the rest into training.

    Raises:
        DatasetError: an actor in both parts, or a part without clips.
    """
    held, tested = frozenset(valid), frozenset(test)
    if held & tested:
        raise DatasetError(f"actors {sorted(held & tested)} are in validation and in test")
    listed = tuple(clips)
    split = Split(
        train=tuple(c for c in listed if c.actor not in held | tested),
        valid=tuple(c for c in listed if c.actor in held),
        test=tuple(c for c in listed if c.actor in tested),
    )
    for name in ("train", "valid", "test"):
        if not getattr(split, name):
            raise DatasetError(f"the {name} part has no clips")
    return split


def folds(clips: Iterable[Clip], count: int = 5) -> tuple[Split, ...]:
    """Speaker-disjoint cross-validation.

    Fold k tests on the k-th group of neighbouring actors and validates on the next group, so each
    group holds as many men as women when its size is even.

    Raises:
        DatasetError: fewer than three groups, or fewer actors than groups.
    """
    listed = tuple(clips)
    actors = sorted({c.actor for c in listed})
    if not 3 <= count <= len(actors):
        raise DatasetError(f"{count} folds of {len(actors)} actors: want 3 to {len(actors)}")
    groups = [[int(a) for a in group] for group in np.array_split(actors, count)]
    return tuple(split_by_actor(listed, groups[(k + 1) % count], groups[k]) for k in range(count))


def read_audio(path: Path) -> Float32:
    """Read a clip.

    Returns:
        (N,) float32 at 16 kHz, full scale +-1.

    Raises:
        DatasetError: unreadable, empty, or not 16 kHz mono.
    """
    import soundfile  # of the `train` extra: a user of the shipped weights does not have it

    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as exc:
        raise DatasetError(f"{path}: cannot be read: {exc}") from exc
    if rate_hz != SAMPLE_RATE_HZ or samples.shape[1] != 1 or len(samples) == 0:
        raise DatasetError(f"{path}: {rate_hz} Hz, shape {samples.shape}; want 16 kHz mono")
    return np.ascontiguousarray(samples[:, 0], np.float32)
