"""The bundled sample as sound and pictures in memory, to be played again and again."""

import importlib.resources
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tacit.stream.mediafile import audio_packets, video_packets
from tacit.stream.packet import NS_PER_MS

BLOCK_NS = 20 * NS_PER_MS
PICTURE_NS = 40 * NS_PER_MS
ROOM = 10 ** (-60 / 20)

Sound = NDArray[np.float32]
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Decoded media.

    Attributes:
        sounds: blocks of 20 ms, (320,) float32 at 16 kHz mono.
        pictures: one every 40 ms, (H, W, 3) uint8 BGR.
    """

    sounds: list[Sound]
    pictures: list[Picture]

    def sound(self, number: int) -> Sound:
        """Block `number`, counted on beyond the end."""
        return self.sounds[number % len(self.sounds)]

    def picture(self, number: int) -> Picture:
        """Picture `number`, counted on beyond the end."""
        return self.pictures[number % len(self.pictures)]


def sample_path() -> Path:
    """Where the bundled sample lies; it is installed as a plain file."""
    return Path(str(importlib.resources.files("tacit.pipeline") / "assets" / "sample.mp4"))


@lru_cache(maxsize=1)
def sample_clip() -> Clip:
    """The bundled sample, decoded once."""
    path, source = sample_path(), np.random.default_rng(0)
    # The sample ends in digital silence; a microphone gives the noise of its room.
    sounds: list[Sound] = [
        np.asarray(p.data, np.float32) + (ROOM * source.standard_normal(320)).astype(np.float32)
        for p in audio_packets(path)
        if p.data.size == 320
    ]
    return Clip(sounds, [p.data for p in video_packets(path)])
