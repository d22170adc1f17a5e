"""The faults that sensor health must find, done to real recordings, and what finding them means."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import cv2
import numpy as np

from tacit.models.degradations import active_rms
from tacit.pipeline.inject import SPEECH_RMS, damage, parse_injections
from tacit.pipeline.job import OVERFLOWED
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Packet
from tools.health_clips import RATE_HZ, Clip

BEGIN_S: Final = 4.0
"""Clean time before a fault: its stream must be known to be good."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of damage.

    Attributes:
        name: for tables.
        modality: which stream.
        reasons: any of these, as the reason of a change of health, counts as found.
        within_s: how soon after its beginning.
        inject: specification without times, or empty for damage that is done here.
        lasts_s: how long it lasts.
    """

    name: str
    modality: Literal["audio", "face"]
    reasons: frozenset[str]
    within_s: float
    inject: str = ""
    lasts_s: float = 6.0

    @property
    def total_s(self) -> float:
        """Length of the stream that it is done to."""
        return BEGIN_S + self.lasts_s


def _fault(
    name: str, reasons: str, within_s: float, inject: str = "", lasts_s: float = 6.0
) -> Fault:
    modality: Literal["audio", "face"] = "audio" if name.startswith("sound") else "face"
    return Fault(name, modality, frozenset(reasons.split()), within_s, inject, lasts_s)


FAULTS: Final = (
    _fault("sound: digital silence", "silent", 0.55, "audio:mute"),
    _fault("sound: stuck", "stuck", 0.55, "audio:freeze"),
    _fault("sound: overdriven, gain 40", "clipped", 1.0, "audio:clip=40"),
    _fault("sound: white noise, 5 dB", "noisy", 4.0, "audio:noise=5"),
    _fault("sound: pink noise, 5 dB", "noisy", 4.0, "audio:pink=5"),
    _fault("sound: no data", "no_data", 0.3, "audio:drop"),
    _fault("sound: not numbers", "nonfinite", 0.2),
    _fault("sound: samples lost by the device", "overflow", 0.05),
    _fault("picture: frozen", "frozen", 0.6, "face:freeze"),
    _fault("picture: frozen, coded again", "frozen", 2.2),
    _fault("picture: black", "black", 0.5, "face:black"),
    _fault("picture: dark, exposure 0.1", "dark black", 1.2, "face:dark=0.1"),
    _fault("picture: blurred, 8 px", "blurred no_face", 2.2, "face:blur=8"),
    _fault("picture: noise, 20 grey levels", "noisy no_face", 1.2, "face:noise=20"),
    _fault("picture: noise, 10 grey levels", "noisy no_face", 1.2, "face:noise=10"),
    _fault("picture: impulses, 5 %", "noisy no_face", 1.2, "face:impulse=0.05"),
    _fault("picture: no data", "no_data", 0.3, "face:drop"),
    _fault("picture: 5 per second", "low_rate no_data", 3.0, "face:rate=5", 8.0),
    _fault("picture: no face", "no_face", 1.0),
    _fault("picture: two faces", "two_faces", 1.2),
)


def broken(clip: Clip, fault: Fault, others: Sequence[Clip] = ()) -> Iterator[Packet]:
    """The clip's stream with a fault from `BEGIN_S` on.

    Args:
        clip: has the fault's modality.
        fault: what to do.
        others: clips whose faces can come beside this one's.
    """
    sound = fault.modality == "audio"
    stream = clip.hear(fault.total_s) if sound else clip.watch(fault.total_s)
    if fault.inject:
        injections = parse_injections(f"{fault.inject}@{BEGIN_S:g}-")
        # Ratios of noise refer to how loud this person speaks.
        loud = active_rms(clip.sound, RATE_HZ) if sound else SPEECH_RMS
        yield from damage(stream, injections, speech_rms=loud)
        return
    rng = np.random.default_rng(0)
    held: Packet | None = None
    for packet in stream:
        if packet.t_capture_ns < BEGIN_S * NS_PER_S:
            held = packet
            yield packet
        else:
            assert held is not None
            yield _spoiled(packet, fault.name.partition(": ")[2], held, others, rng)


def _spoiled(
    packet: Packet,
    what: str,
    held: Packet,
    others: Sequence[Clip],
    rng: np.random.Generator,
) -> Packet:
    match what:
        case "not numbers":
            return replace(packet, data=np.full_like(packet.data, np.nan))
        case "samples lost by the device":
            first = packet.seq == held.seq + 1
            return replace(packet, meta={OVERFLOWED: True}) if first else packet
        case "frozen, coded again":
            # What a coder adds to a still picture: a grey level here and there.
            change = (rng.random(held.data.shape) < 0.02).astype(np.uint8)
            return replace(packet, data=cv2.add(held.data, change))
        case "no face":
            return replace(packet, data=_wall(packet))
        case "two faces":
            other = next(c for c in others if c.pictures)
            beside = other.pictures[packet.seq % len(other.pictures)]
            height, width = packet.data.shape[:2]
            beside = np.asarray(cv2.resize(beside, (width, height)), dtype=np.uint8)
            return replace(packet, data=np.hstack((packet.data, beside)))
    raise ValueError(f"no damage of that name: {what!r}")


def _wall(packet: Packet) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """What the camera sees when everybody has left: the picture's own colours, without a face."""
    height, width = packet.data.shape[:2]
    strip = packet.data[:, : max(8, width // 12)]
    wall = cv2.resize(strip, (width, height), interpolation=cv2.INTER_LINEAR)
    shift = packet.t_capture_ns // (40 * NS_PER_MS) % 16
    return np.ascontiguousarray(np.roll(wall, shift, axis=1), dtype=np.uint8)
