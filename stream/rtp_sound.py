"""Sound of a WebRTC peer: packets into order, decoded, placed on the session clock.

aiortc hands each packet of sound to its jitter buffer. `tap_sound` puts something in that buffer's
place that passes the packets on to here and gives aiortc nothing to decode; it is the one place
that reaches into aiortc, and a test notices when aiortc changes there.
"""

import logging
from typing import Any, Final, NamedTuple

import av
from aiortc import RTCRtpReceiver

from .arrival import ArrivalClock
from .packet import NS_PER_MS, NS_PER_S
from .player import LiveSink
from .reorder import Reorder, ReorderStatistics
from .soundblocks import SoundPlacer

OPUS_HZ: Final = 48_000
SOUND_HZ: Final = 16_000
BLOCK_NS: Final = 20 * NS_PER_MS
MOST_BYTES: Final = 4000
"""No packet of Opus is larger; 120 ms at the highest rate are less."""
_BUFFER: Final = "_RTCRtpReceiver__jitter_buffer"
_TURN: Final = 1 << 32
log = logging.getLogger(__name__)


class _Sound(NamedTuple):
    time: int
    payload: bytes
    arrived_ns: int


class RtpSound:
    """Turns packets of Opus into blocks of sound.

    Args:
        sink: takes them.
    """

    def __init__(self, sink: LiveSink) -> None:
        self._sink = sink
        self._reorder: Reorder[_Sound] = Reorder()
        self._clock = ArrivalClock()
        self._placer = SoundPlacer(SOUND_HZ, BLOCK_NS)
        self._codec = _decoder()
        self._time: int | None = None
        self.undecodable = 0

    def push(self, number: int, time: int, payload: bytes) -> None:
        """Take a packet as it comes from the network.

        Args:
            number: its sequence number, 16 bits.
            time: its RTP time, 32 bits at 48 kHz.
            payload: Opus.
        """
        if not payload or len(payload) > MOST_BYTES:
            self.undecodable += 1
            return
        packet = _Sound(time, payload, self._sink.now_ns())
        for ordered in self._reorder.push(number, packet):
            self._decode(ordered)

    def statistics(self) -> ReorderStatistics:
        """Counters of the reorder buffer."""
        return self._reorder.statistics()

    def _decode(self, sound: _Sound) -> None:
        media_ns = self._unwrap(sound.time) * NS_PER_S // OPUS_HZ
        packet = av.Packet(sound.payload)
        try:
            frames = self._codec.decode(packet)
        except av.FFmpegError:
            self.undecodable += 1
            self._codec = _decoder()
            return
        for frame in frames:
            length_ns = frame.samples * NS_PER_S // frame.sample_rate
            # Its last sample was captured before it was sent; its first one a packet earlier.
            end_ns = self._clock.place(media_ns + length_ns, sound.arrived_ns)
            for block in self._placer.push(frame, end_ns - length_ns):
                self._sink.sound(block.samples, block.t_ns)
            media_ns += length_ns

    def _unwrap(self, time: int) -> int:
        if self._time is None:
            self._time = time
        ahead = (time - self._time) % _TURN
        self._time += ahead if ahead < _TURN // 2 else ahead - _TURN
        return self._time


class _Tap:
    """Stands where aiortc's jitter buffer stood."""

    capacity: Final = 16

    def __init__(self, sound: RtpSound) -> None:
        self._sound = sound

    def add(self, packet: Any) -> tuple[bool, None]:
        """Take a packet whose payload aiortc has looked into; give nothing to decode."""
        try:
            self._sound.push(packet.sequence_number, packet.timestamp, bytes(packet._data))
        except Exception:
            # aiortc would end the whole transport for an error here.
            log.exception("a packet of sound was not understood")
        return False, None


def tap_sound(receiver: RTCRtpReceiver, sound: RtpSound) -> None:
    """Let a receiver's packets go to `sound` rather than to aiortc's own decoder.

    Raises:
        RuntimeError: this version of aiortc is built differently.
    """
    if not hasattr(receiver, _BUFFER):
        raise RuntimeError("this aiortc has no jitter buffer where it is expected; install 1.16")
    setattr(receiver, _BUFFER, _Tap(sound))


def _decoder() -> "av.AudioCodecContext":
    codec = av.CodecContext.create("libopus", "r")
    assert isinstance(codec, av.AudioCodecContext)
    codec.format = "flt"
    codec.layout = "mono"
    codec.sample_rate = OPUS_HZ
    return codec
