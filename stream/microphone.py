"""A local microphone as packets, through PortAudio.

PortAudio looks for devices once per process. Whoever waits for a microphone to come back starts a
fresh process, and asks for it by name: another device is never taken in its place.
"""

import re
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
from .device_names import DeviceName, choose
from .errors import ChannelClosed, DeviceError
from .limits import (
    CAPTURE_BACKLOG,
    CAPTURE_STALL_NS,
    MICROPHONE_CHANNELS,
    MICROPHONE_OPEN_NS,
)
from .packet import NS_PER_MS, NS_PER_S, Packet
from .soundblocks import SoundPlacer

RATE_HZ: Final = 16_000
BLOCK_NS: Final = 20 * NS_PER_MS
_ANY_SOURCE: Final = frozenset({"default", "sysdefault", "pulse", "pipewire"})
_ADDRESS: Final = re.compile(r"\s*\(hw:\d+,\d+\)$")


@dataclass(frozen=True, slots=True)
class MicrophoneInfo:
    """A device that can record.

    Attributes:
        name: stable name to ask for it by, "device, host API"; with ALSA's address where two
            devices have the same name.
        channels: most that it records.
        rate_hz: its own sampling rate.
        default: whether the system records from it unless told otherwise.
        any_source: whether it stands for whatever source the sound server has chosen; which one
            that is may change at any time, without a word to whoever records.
    """

    name: str
    channels: int
    rate_hz: int
    default: bool
    any_source: bool = False


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
    except Exception as exc:  # the library sets itself up when it is imported
        raise DeviceError(f"the sound system cannot be used: {exc}; is its server well?") from exc
    found: ModuleType = sounddevice
    return found


def list_microphones(library: Any = None) -> list[MicrophoneInfo]:
    """What can record, as this process found it when it first looked.

    Args:
        library: stands for `sounddevice`; None for the real one.

    Raises:
        DeviceError: PortAudio is missing.
    """
    return [device.info for device in _found(library or portaudio())]


@dataclass(frozen=True, slots=True)
class _Device:
    """A device with PortAudio's number for it."""

    number: int
    name: DeviceName
    info: MicrophoneInfo


def _found(library: Any) -> list[_Device]:
    hosts = library.query_hostapis()
    # A first guess of -1 means that there is no default.
    chosen = library.default.device[0]
    default = hosts[0]["default_input_device"] if chosen is None or chosen < 0 else chosen
    inputs = {
        number: device
        for number, device in enumerate(library.query_devices())
        if device["max_input_channels"] > 0
    }
    names = [_name(device["name"], hosts[device["hostapi"]]["name"]) for device in inputs.values()]
    return [
        _Device(
            number,
            name,
            MicrophoneInfo(
                name.shown(names),
                int(device["max_input_channels"]),
                round(device["default_samplerate"]),
                number == default,
                device["name"] in _ANY_SOURCE,
            ),
        )
        for (number, device), name in zip(inputs.items(), names, strict=True)
    ]


def _name(device: str, host: str) -> DeviceName:
    return DeviceName(f"{_ADDRESS.sub('', device)}, {host}", f"{device}, {host}")


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
        found = next((device for device in devices if device.info.default), devices[0])
    else:
        assert name is not None
        found = devices[choose("microphone", name, [device.name for device in devices])]
    return found.number, found.info


@dataclass(frozen=True, slots=True)
class _Chunk:
    sound: NDArray[np.float32]
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
            DeviceError: it gave nothing within 5 s, or then nothing for a second: it was unplugged,
                or the system took it away.
        """
        placer, clock_map, runs, seq, end = SoundPlacer(RATE_HZ, BLOCK_NS), ClockMap(), 0, 0, 0
        for chunk in self._taken():
            # Samples that are missing took time that the count of samples knows nothing of.
            runs += chunk.broken or chunk.index != end
            end = chunk.index + len(chunk.sound)
            clock_map.observe(self._time_ns(end), chunk.t_ns, runs)
            samples = chunk.sound.mean(axis=1, dtype=np.float32)
            frame = av.AudioFrame.from_ndarray(samples[np.newaxis], "flt", "mono")
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

    def _taken(self) -> Iterator[_Chunk]:
        # A device that sleeps, or one without a wire, takes seconds to wake up.
        patience_ns, what = MICROPHONE_OPEN_NS, "gives no sound"
        while True:
            try:
                yield self._chunks.take(patience_ns / NS_PER_S)
            except ChannelClosed:
                return
            except TimeoutError:
                raise DeviceError(
                    f"microphone {self.info.name!r} {what}; is it still connected?"
                ) from None
            patience_ns, what = CAPTURE_STALL_NS, "has stopped"

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
        raise DeviceError(_why_closed(self.info.name, str(failure))) from failure

    def _callback(self, indata: NDArray[np.float32], count: int, _times: Any, status: Any) -> None:
        """Runs in the sound system's thread: stamps, copies and counts, never raises."""
        broken = bool(status.input_overflow)
        self.overflows += broken
        chunk = _Chunk(indata.copy(), self._count, self._clock.now_ns(), broken)
        self._count += count
        try:
            self._chunks.offer(chunk)
        except ChannelClosed:
            return

    def _time_ns(self, index: int) -> int:
        return index * NS_PER_S // self._rate_hz


def _why_closed(name: str, reason: str) -> str:
    if "unavailable" in reason.lower() or "busy" in reason.lower():
        return f"microphone {name!r} is in use by another program; close that, or choose another"
    return f"microphone {name!r} does not open: {reason}; is it still connected?"
