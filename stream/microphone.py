"""A local microphone as packets, through PortAudio.

PortAudio looks for devices once per process. Whoever waits for a microphone to come back starts a
fresh process, and asks for it by name: another device is never taken in its place.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any, Final, Self

import av
import numpy as np
from numpy.typing import NDArray

from .channel import Channel, ChannelStatistics
from .clock import Clock, ClockMap
from .errors import ChannelClosed, DeviceError
from .limits import CAPTURE_BACKLOG, CAPTURE_STALL_NS, MICROPHONE_CHANNELS
from .packet import NS_PER_MS, NS_PER_S, Packet
from .soundblocks import SoundPlacer

RATE_HZ: Final = 16_000
BLOCK_NS: Final = 20 * NS_PER_MS


@dataclass(frozen=True, slots=True)
class MicrophoneInfo:
    """A device that can record.

    Attributes:
        name: stable name to ask for it by, "device, host API".
        channels: most that it records.
        rate_hz: its own sampling rate.
        default: whether the system records from it unless told otherwise.
    """

    name: str
    channels: int
    rate_hz: int
    default: bool


def portaudio() -> ModuleType:
    """The PortAudio binding.

    Raises:
        DeviceError: the system library is missing.
    """
    try:
        import sounddevice
    except OSError as exc:
        hint = " (Debian: apt install libportaudio2)" if sys.platform == "linux" else ""
        raise DeviceError(f"sound devices cannot be used: {exc}; install PortAudio{hint}") from exc
    found: ModuleType = sounddevice
    return found


def list_microphones(library: Any = None) -> list[MicrophoneInfo]:
    """What can record, as this process found it when it first looked.

    Args:
        library: stands for `sounddevice`; None for the real one.

    Raises:
        DeviceError: PortAudio is missing.
    """
    return [info for _, info in _found(library or portaudio())]


def _found(library: Any) -> list[tuple[int, MicrophoneInfo]]:
    hosts = library.query_hostapis()
    # A first guess of -1 means that there is no default.
    chosen = library.default.device[0]
    default = hosts[0]["default_input_device"] if chosen is None or chosen < 0 else chosen
    return [
        (
            index,
            MicrophoneInfo(
                f"{device['name']}, {hosts[device['hostapi']]['name']}",
                int(device["max_input_channels"]),
                round(device["default_samplerate"]),
                index == default,
            ),
        )
        for index, device in enumerate(library.query_devices())
        if device["max_input_channels"] > 0
    ]


def find_microphone(name: str | None, library: Any = None) -> tuple[int, MicrophoneInfo]:
    """The device of a name, or the system's default.

    Args:
        name: as in `MicrophoneInfo.name`, or a part that only one of them has; None or "default"
            for the default.
        library: stands for `sounddevice`; None for the real one.

    Returns:
        PortAudio's number for it, and what it is.

    Raises:
        DeviceError: there is none of that name, or several.
    """
    devices = _found(library or portaudio())
    if not devices:
        raise DeviceError("no microphone found: connect one, and allow this program to use it")
    if name in (None, "", "default"):
        default = [found for found in devices if found[1].default]
        return (default or devices)[0]
    assert name is not None
    exact = [found for found in devices if found[1].name == name]
    near = exact or [found for found in devices if name.casefold() in found[1].name.casefold()]
    if len(near) == 1:
        return near[0]
    known = "; ".join(repr(info.name) for _, info in near or devices)
    what = "could be any of" if near else "is not among"
    raise DeviceError(f"microphone {name!r} {what} {known}; see `tacit devices`")


@dataclass(frozen=True, slots=True)
class _Chunk:
    samples: NDArray[np.float32]
    index: int
    t_ns: int
    broken: bool


class Microphone:
    """An open microphone.

    The callback of the sound system only copies, counts and stamps. Sample counts are mapped to the
    session clock by the times at which they came, so that neither jitter nor the drift of the
    card's crystal moves a packet. An overflow is a hole: the count starts anew after it.

    Args:
        name: see `find_microphone`.
        clock: the session clock.
        participant: whose voice it records.
        epoch: how often it has been opened before.
        library: stands for `sounddevice`; None for the real one.

    Raises:
        DeviceError: there is no such microphone, or it does not open.
    """

    def __init__(
        self,
        name: str | None,
        clock: Clock,
        *,
        participant: str = "p1",
        epoch: int = 0,
        library: Any = None,
    ) -> None:
        library = library or portaudio()
        number, self.info = find_microphone(name, library)
        self.overflows = 0
        self._clock = clock
        self._participant = participant
        self._epoch = epoch
        self._chunks: Channel[_Chunk] = Channel(CAPTURE_BACKLOG, "drop_oldest")
        self._count = 0
        self._stream, self._rate_hz = self._open(library, number)

    @property
    def statistics(self) -> ChannelStatistics:
        """Where the chunks of the sound system went."""
        return self._chunks.statistics()

    def packets(self) -> Iterator[Packet]:
        """Sound as packets of 20 ms on the grid of the session clock, until it is closed.

        Yields:
            Kind "media"; data (N,) float32 mono at 16 kHz.

        Raises:
            DeviceError: nothing came for a second: it was unplugged, or the system took it away.
        """
        placer, clock_map, runs, seq, end = SoundPlacer(RATE_HZ, BLOCK_NS), ClockMap(), 0, 0, 0
        while True:
            try:
                chunk = self._chunks.take(CAPTURE_STALL_NS / NS_PER_S)
            except ChannelClosed:
                return
            except TimeoutError:
                raise DeviceError(
                    f"microphone {self.info.name!r} has stopped; is it still connected?"
                ) from None
            # Samples that are missing took time that the count of samples knows nothing of.
            runs += chunk.broken or chunk.index != end
            end = chunk.index + len(chunk.samples)
            clock_map.observe(self._time_ns(end), chunk.t_ns, runs)
            frame = av.AudioFrame.from_ndarray(chunk.samples[np.newaxis], "flt", "mono")
            frame.sample_rate = self._rate_hz
            t_ns = clock_map.to_session(self._time_ns(chunk.index))
            for block in placer.push(frame, t_ns):
                yield Packet(
                    "media",
                    "audio",
                    self._participant,
                    self.info.name[:120],
                    self._epoch,
                    seq,
                    block.t_ns,
                    block.duration_ns,
                    max(block.t_ns + block.duration_ns, self._clock.now_ns()),
                    block.samples,
                    {"rate_hz": RATE_HZ, "overflows": self.overflows},
                )
                seq += 1

    def close(self) -> None:
        """Stop recording; also ends `packets`. May be called twice."""
        self._stream.abort()
        self._stream.close()
        self._chunks.close()

    def __enter__(self) -> Self:
        """The microphone itself; it is open already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def _open(self, library: Any, number: int) -> tuple[Any, int]:
        channels = min(self.info.channels, MICROPHONE_CHANNELS)
        failure: Exception | None = None
        for rate_hz in dict.fromkeys((RATE_HZ, self.info.rate_hz)):
            try:
                stream = library.InputStream(
                    device=number,
                    samplerate=rate_hz,
                    channels=channels,
                    dtype="float32",
                    blocksize=rate_hz * BLOCK_NS // NS_PER_S,
                    latency="low",
                    callback=self._callback,
                )
                stream.start()
            except library.PortAudioError as exc:
                failure = exc
                continue
            return stream, rate_hz
        raise DeviceError(
            f"microphone {self.info.name!r} does not open: {failure}; is another program using it?"
        ) from failure

    def _callback(self, indata: NDArray[np.float32], count: int, _times: Any, status: Any) -> None:
        """Runs in the sound system's thread: no allocation beyond the copy, never an exception."""
        broken = bool(status.input_overflow)
        self.overflows += broken
        samples = indata.mean(axis=1) if indata.shape[1] > 1 else indata[:, 0].copy()
        chunk = _Chunk(samples, self._count, self._clock.now_ns(), broken)
        self._count += count
        try:
            self._chunks.offer(chunk)
        except ChannelClosed:
            return

    def _time_ns(self, index: int) -> int:
        return index * NS_PER_S // self._rate_hz
