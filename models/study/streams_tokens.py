"""Quarter-second tokens of RAVDESS's takes: statistics of the sound, action units of the face.

No trained encoder is used: one that knew some of the speakers would leak. The face is known frame
by frame for actors 01-05 only; for the others it is absent.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .. import prosody
from ..audio_features import LogMel
from ..datasets.ravdess import Clip, find_clips, read_audio
from ..datasets.ravdess_streams import FRAME_ACTORS, FRAME_HZ, UNITS, au_frames
from ..features import Bool, FeatureFrame, Float32, TokenGrid, pool_frames

Ints = NDArray[np.int64]

HOPS: Final = 25
"""Hops of 10 ms in a bin."""
BANDS: Final = 16
AUDIO_DIM: Final = 2 * BANDS + 8
FACE_DIM: Final = UNITS
CACHE_FILE: Final = "ravdess_streams.npz"
BIN_NS: Final = TokenGrid().bin_ns


@dataclass(frozen=True, slots=True, eq=False)
class Takes:
    """All takes, one after another, cut into whole bins.

    Attributes:
        audio: (B, AUDIO_DIM) float32.
        face: (B, FACE_DIM) float32, zero where absent.
        seen: (B,) bool, whether there is a face.
        start: (N + 1,) int64; take i has the bins from start[i] to start[i + 1].
        labels: (N,) int64 into `labels.EMOTIONS`.
        people: (N,) int64, the actor.
    """

    audio: Float32
    face: Float32
    seen: Bool
    start: Ints
    labels: Ints
    people: Ints


def audio_tokens(samples: Float32) -> Float32:
    """Statistics of each whole bin.

    Args:
        samples: (N,) float32 at 16 kHz.

    Returns:
        (N // 4000, AUDIO_DIM) float32: mean and deviation of 16 log-mel bands; mean and deviation
        of log pitch, 0 without a voiced hop, and the voiced share; mean voicing; loudness: mean,
        deviation, maximum and slope in dB.
    """
    mel = LogMel().whole(samples)
    tune = prosody.Prosody().whole(samples)
    bins = min(len(mel), len(tune)) // HOPS
    mel = mel[: bins * HOPS].reshape(bins, HOPS, BANDS, -1).mean(axis=3)
    tune = tune[: bins * HOPS].reshape(bins, HOPS, -1)
    voiced = tune[:, :, 0] > 0
    count = np.maximum(voiced.sum(axis=1), 1)
    pitch = np.where(voiced, np.log(np.maximum(tune[:, :, 0], 1.0)), 0.0)
    mean = pitch.sum(axis=1) / count
    spread = np.sqrt(np.where(voiced, (pitch - mean[:, None]) ** 2, 0.0).sum(axis=1) / count)
    loud = tune[:, :, 2]
    slope = loud[:, HOPS // 2 :].mean(axis=1) - loud[:, : HOPS // 2].mean(axis=1)
    columns = [mean, spread, voiced.mean(axis=1), tune[:, :, 1].mean(axis=1)]
    columns += [loud.mean(axis=1), loud.std(axis=1), loud.max(axis=1), slope]
    parts = [mel.mean(axis=1), mel.std(axis=1), np.stack(columns, axis=1)]
    return np.asarray(np.concatenate(parts, axis=1), np.float32)


def face_tokens(frames: Float32, bins: int) -> tuple[Float32, Bool]:
    """Mean action units of each bin, as the live system pools frames.

    Args:
        frames: (F, UNITS) at `FRAME_HZ` from the take's start.
        bins: how many.

    Returns:
        (bins, FACE_DIM) float32 and (bins,) bool, False where no frame falls into the bin.
    """
    step_ns = round(1e9 / FRAME_HZ)
    pieces = (
        FeatureFrame("face", "actor", k * step_ns, step_ns, row) for k, row in enumerate(frames)
    )
    return pool_frames(pieces, bins * BIN_NS, FACE_DIM, TokenGrid(bins=bins))


def read_take(root: Path, clip: Clip) -> tuple[Float32, Float32, Bool]:
    """Audio tokens (T, AUDIO_DIM), face tokens (T, FACE_DIM) and face mask (T,) of a take."""
    audio = audio_tokens(read_audio(clip.path))
    if clip.actor not in FRAME_ACTORS:
        return audio, np.zeros((len(audio), FACE_DIM), np.float32), np.zeros(len(audio), np.bool_)
    return audio, *face_tokens(au_frames(root, clip), len(audio))


def load_takes(root: Path, cache: Path) -> Takes:
    """Read all takes, from the cache when it is there.

    Raises:
        DatasetError: the data are missing or malformed.
    """
    path = cache / CACHE_FILE
    names = ("audio", "face", "seen", "start", "labels", "people")
    if path.is_file():
        with np.load(path, allow_pickle=False) as store:
            return Takes(**{name: store[name] for name in names})
    clips = find_clips(root)
    read = [read_take(root, clip) for clip in clips]
    takes = Takes(
        np.concatenate([audio for audio, _, _ in read]),
        np.concatenate([face for _, face, _ in read]),
        np.concatenate([seen for _, _, seen in read]),
        np.concatenate([[0], np.cumsum([len(audio) for audio, _, _ in read])]).astype(np.int64),
        np.array([clip.label for clip in clips], dtype=np.int64),
        np.array([clip.actor for clip in clips], dtype=np.int64),
    )
    cache.mkdir(parents=True, exist_ok=True)
    aside = cache / f".{CACHE_FILE}.{os.getpid()}.npz"
    np.savez(aside, **{name: getattr(takes, name) for name in names})
    aside.replace(path)
    return takes
