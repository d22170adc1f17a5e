"""Real recordings as endless streams, for programs that measure sensor health on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tacit.stream.errors import MediaError
from tacit.stream.mediafile import audio_packets, probe, video_packets
from tacit.stream.packet import NS_PER_S, Packet

RATE_HZ: Final = 16_000
BLOCK: Final = 320
Part = Literal["fit", "held_out"]
SUFFIXES: Final = frozenset({".mp4", ".mpg", ".flac", ".wav", ".mkv", ".webm"})


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One recording, decoded.

    Attributes:
        name: of its file.
        sound: (N,) float32 at 16 kHz; empty without sound.
        pictures: (H, W, 3) uint8 BGR each; empty without pictures.
        fps: pictures per second.
    """

    name: str
    sound: NDArray[np.float32]
    pictures: tuple[NDArray[np.uint8], ...]
    fps: float

    @property
    def sound_s(self) -> float:
        """Length of its sound, s."""
        return self.sound.size / RATE_HZ

    def hear(self, seconds: float) -> Iterator[Packet]:
        """Its sound, over and over, in blocks of 20 ms."""
        count = round(seconds * RATE_HZ) // BLOCK
        places = np.arange(BLOCK)
        for k in range(count if self.sound.size else 0):
            data = self.sound[(k * BLOCK + places) % self.sound.size]
            t_ns = k * BLOCK * NS_PER_S // RATE_HZ
            yield media("audio", k, t_ns, BLOCK * NS_PER_S // RATE_HZ, data)

    def watch(self, seconds: float) -> Iterator[Packet]:
        """Its pictures, over and over."""
        period_ns = round(NS_PER_S / self.fps)
        for k in range(round(seconds * self.fps) if self.pictures else 0):
            yield media("face", k, k * period_ns, period_ns, self.pictures[k % len(self.pictures)])


def media(
    modality: Literal["audio", "face"],
    seq: int,
    t_ns: int,
    duration_ns: int,
    data: NDArray[np.float32] | NDArray[np.uint8],
) -> Packet:
    """A piece of media as a source gives it."""
    end_ns = t_ns + duration_ns
    return Packet("media", modality, "p1", modality, 0, seq, t_ns, duration_ns, end_ns, data)


def load_clip(path: Path, *, pictures: bool = True) -> Clip:
    """Decode a recording.

    Raises:
        MediaError: it cannot be read.
    """
    info = probe(path)
    sound = np.zeros(0, np.float32)
    if info.audio is not None:
        sound = np.concatenate([packet.data for packet in audio_packets(path)])
    seen: list[NDArray[np.uint8]] = []
    spans: list[int] = []
    if info.video is not None and pictures:
        for packet in video_packets(path):
            seen.append(packet.data)
            spans.append(packet.duration_ns)
    fps = NS_PER_S / float(np.median(spans)) if spans else 0.0
    return Clip(path.name, sound, tuple(seen), fps)


def load_clips(folder: Path, *, pictures: bool = True, every: int = 1) -> list[Clip]:
    """Decode every n-th recording in a folder and those below it, by name.

    Raises:
        MediaError: there is none, or one cannot be read.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES)[::every]
    if not paths:
        raise MediaError(f"{folder}: no recordings there; give --root, the data folder")
    return [load_clip(path, pictures=pictures) for path in paths]


def split(clips: list[Clip]) -> dict[Part, list[Clip]]:
    """Every second clip by name for fitting, the others held out."""
    ordered = sorted(clips, key=lambda clip: clip.name)
    return {"fit": ordered[::2], "held_out": ordered[1::2]}
