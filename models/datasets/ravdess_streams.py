"""Faces of RAVDESS's actors 01-05 frame by frame: action units (OpenFace, Baltrusaitis 2018).

The utterance means of `ravdess_pairs` come from another action-unit model: don't mix the two.
"""

import csv
from pathlib import Path
from typing import Final

import numpy as np

from ..errors import DatasetError
from ..features import Float32
from .ravdess import Clip

FRAME_HZ: Final = 29.97
FRAME_ACTORS: Final = (1, 2, 3, 4, 5)
INTENSITIES: Final = 17
UNITS: Final = 35
"""17 intensities in [0, 5], then 18 presences in {0, 1}."""


def face_name(clip: Clip) -> str:
    """Name of the take's face: the sound's with 01 (audio-video) in front."""
    return "01" + clip.path.stem[2:]


def au_frames(root: Path, clip: Clip) -> Float32:
    """Action units of every video frame of a take of actors 01-05.

    Returns:
        (F, UNITS) float32, `FRAME_HZ` a second from the take's start.

    Raises:
        DatasetError: no such file, or not in the expected form.
    """
    folder = root / "ravdess" / "face_au_frames" / f"Actor_{clip.actor:02d}" / "outProcessed"
    path = folder / f"{face_name(clip)}.csv"
    try:
        with path.open(newline="", encoding="ascii") as file:
            rows = list(csv.reader(file, delimiter=";"))
        frames = np.array(rows[1:], dtype=np.float32)
    except (OSError, ValueError) as exc:
        raise DatasetError(f"{path}: not readable as action units: {exc}") from exc
    if frames.ndim != 2 or frames.shape[1] != UNITS or not np.isfinite(frames).all():
        raise DatasetError(f"{path}: {frames.shape} values, want finite (F, {UNITS})")
    return frames
