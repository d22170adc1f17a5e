"""Feature sequences of utterances with published parts: the form of the field's usual files."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError
from ..features import Bool, Float32, Modality

Ints = NDArray[np.integer[Any]]
Part = Literal["train", "valid", "test"]

PARTS: Final[tuple[Part, ...]] = ("train", "valid", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """One part.

    Attributes:
        values: per modality (N, T, D) float32, T the same for all.
        mask: per modality (N, T) bool, True where there is a frame.
        labels: (N,) int64 class indices.
        groups: tuple of N names: the video or speaker of each utterance.
    """

    values: Mapping[Modality, Float32]
    mask: Mapping[Modality, Bool]
    labels: Ints
    groups: tuple[str, ...]


def group_indices(parts: Mapping[Part, Sequences]) -> dict[Part, Ints]:
    """Names of groups as numbers that mean the same in all parts."""
    names = sorted({name for part in parts.values() for name in part.groups})
    index = {name: place for place, name in enumerate(names)}
    return {
        key: np.array([index[name] for name in part.groups], dtype=np.int64)
        for key, part in parts.items()
    }


def pooled_frames(frames: Float32, bins: int) -> tuple[Float32, Bool]:
    """Average (T, D) frames into `bins` equal stretches of their own length.

    Returns:
        (bins, D) float32 and (bins,) bool; with fewer frames than bins the last ones are empty.
    """
    out = np.zeros((bins, frames.shape[1]), dtype=np.float32)
    there = np.zeros(bins, dtype=np.bool_)
    if len(frames) <= bins:
        out[: len(frames)], there[: len(frames)] = frames, True
        return out, there
    edges = np.linspace(0, len(frames), bins + 1).round().astype(np.int64)
    for place, (low, high) in enumerate(pairwise(edges)):
        out[place] = frames[low:high].mean(axis=0)
    there[:] = True
    return out, there


def check_dims(parts: Mapping[Part, Sequences], source: str) -> None:
    """Refuse parts whose features differ in length.

    Raises:
        DatasetError: they do.
    """
    first = parts["train"]
    for key, part in parts.items():
        for name, values in part.values.items():
            wanted = first.values[name].shape[1:]
            if values.shape[1:] != wanted:
                raise DatasetError(
                    f"{source}: {name} of the {key} part has (frames, numbers) "
                    f"{values.shape[1:]}, the train part {wanted}"
                )
