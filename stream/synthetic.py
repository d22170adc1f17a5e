"""Seeded synthetic sound and pictures, as packets: for tests, benchmarks and a demo without media.

There is no speech and no face in them; they only move, sound and pause much as those do.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import LocalError
from .packet import NS_PER_MS, NS_PER_S, Packet


@dataclass(frozen=True, slots=True)
class SyntheticAudio:
    """Settings of a synthetic voice.

    Attributes:
        duration_ns: how long it lasts.
        seed: same seed, same samples.
        rate_hz: sampling rate.
        block_ns: length of a packet; must hold a whole number of samples.
        level_db: level of the bursts, RMS, in dB of full scale.
    """

    duration_ns: int
    seed: int = 0
    rate_hz: int = 16_000
    block_ns: int = 20 * NS_PER_MS
    level_db: float = -20.0

    def __post_init__(self) -> None:
        """Refuse blocks of a broken number of samples."""
        if self.block_ns <= 0 or self.block_ns * self.rate_hz % NS_PER_S:
            raise LocalError(f"block_ns {self.block_ns} is no whole number of samples")


@dataclass(frozen=True, slots=True)
class SyntheticVideo:
    """Settings of a moving texture: duration, seed, frame rate, width and height in pixels."""

    duration_ns: int
    seed: int = 0
    rate_hz: float = 25.0
    width: int = 160
    height: int = 120

    def __post_init__(self) -> None:
        """Refuse what has no frames."""
        if self.rate_hz <= 0 or self.width < 1 or self.height < 1:
            raise LocalError(f"no picture has {self.width} x {self.height} at {self.rate_hz} Hz")


def synthetic_audio(
    settings: SyntheticAudio, *, participant: str = "p1", epoch: int = 0
) -> Iterator[Packet]:
    """Make voiced bursts at syllable rate over a quiet floor of noise.

    Args:
        settings: what it sounds like.
        participant: whose sound it is.
        epoch: restarts of the source so far.

    Yields:
        Packets of kind "media"; data of shape (N,), float32, in [-1, 1].
    """
    samples = _voice(settings)
    size = settings.block_ns * settings.rate_hz // NS_PER_S
    for seq, first in enumerate(range(0, samples.size, size)):
        data = samples[first : first + size]
        t_ns = first * NS_PER_S // settings.rate_hz
        t_end_ns = (first + data.size) * NS_PER_S // settings.rate_hz
        yield Packet(
            kind="media",
            modality="audio",
            participant=participant,
            source="synthetic:audio",
            epoch=epoch,
            seq=seq,
            t_capture_ns=t_ns,
            duration_ns=t_end_ns - t_ns,
            t_available_ns=t_end_ns,
            data=data,
            meta={"rate_hz": settings.rate_hz},
        )


def _voice(settings: SyntheticAudio) -> NDArray[np.float32]:
    rng = np.random.default_rng(settings.seed)
    t_s = np.arange(settings.duration_ns * settings.rate_hz // NS_PER_S) / settings.rate_hz
    pitch_hz = rng.uniform(100.0, 220.0) * (1.0 + 0.1 * np.sin(2 * np.pi * 0.4 * t_s))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / settings.rate_hz
    tone = sum(np.sin(k * phase + rng.uniform(0.0, 2 * np.pi)) / k for k in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 4.0 * t_s + rng.uniform(0.0, 2 * np.pi)), 0.0, None)
    phrases = np.sin(2 * np.pi * 0.3 * t_s + rng.uniform(0.0, 2 * np.pi)) > -0.5
    sound = (tone + 0.1 * rng.standard_normal(t_s.size)) * syllables * phrases
    loud = np.sqrt(np.mean(np.square(sound))) if t_s.size else 0.0
    level = 10.0 ** (settings.level_db / 20.0)
    floor = 10.0 ** (-65.0 / 20.0) * rng.standard_normal(t_s.size)
    voiced = sound * (level / loud) if loud > 0.0 else sound
    clipped: NDArray[np.float32] = np.clip(voiced + floor, -1.0, 1.0).astype(np.float32)
    return clipped


def synthetic_video(
    settings: SyntheticVideo, *, participant: str = "p1", epoch: int = 0
) -> Iterator[Packet]:
    """Make a smooth coloured texture that drifts, so that no two frames are equal.

    Args:
        settings: size, rate and length.
        participant: whose pictures they are.
        epoch: restarts of the source so far.

    Yields:
        Packets of kind "media", modality "face"; data of shape (H, W, 3), uint8, BGR.
    """
    rng = np.random.default_rng(settings.seed)
    waves = rng.uniform(-3.0, 3.0, size=(4, 2))
    speeds_hz = rng.uniform(0.3, 1.0, size=4)
    tints = rng.uniform(0.3, 1.0, size=(4, 3))
    y, x = np.mgrid[0 : 1 : settings.height * 1j, 0 : 1 : settings.width * 1j]
    frames = int(settings.duration_ns * settings.rate_hz / NS_PER_S + 1e-9)
    for seq in range(frames):
        t_ns = round(seq * NS_PER_S / settings.rate_hz)
        t_next_ns = round((seq + 1) * NS_PER_S / settings.rate_hz)
        turns = waves[:, :1, None] * x + waves[:, 1:, None] * y
        turns = turns + (speeds_hz * t_ns / NS_PER_S)[:, None, None]
        light = np.einsum("khw,kc->hwc", np.sin(2 * np.pi * turns), tints) / tints.sum(axis=0)
        yield Packet(
            kind="media",
            modality="face",
            participant=participant,
            source="synthetic:video",
            epoch=epoch,
            seq=seq,
            t_capture_ns=t_ns,
            duration_ns=t_next_ns - t_ns,
            t_available_ns=t_next_ns,
            data=(127.5 + 127.0 * light).astype(np.uint8),
        )
