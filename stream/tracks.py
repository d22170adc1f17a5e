"""Reads aiortc tracks into a sink; a track that is read is drained, so that nothing piles up."""

import contextlib
from typing import Final

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from .arrival import ArrivalClock
from .packet import NS_PER_MS, NS_PER_S
from .player import LiveSink
from .soundblocks import SoundPlacer

SOUND_HZ: Final = 16_000
BLOCK_NS: Final = 20 * NS_PER_MS
_LONGEST_NS: Final = 100 * NS_PER_MS


class SoundFeed:
    """Decoded sound of one stream, resampled and placed on the session clock.

    Args:
        sink: takes it in blocks of 20 ms.
    """

    def __init__(self, sink: LiveSink) -> None:
        self._sink = sink
        self._clock = ArrivalClock()
        self._placer = SoundPlacer(SOUND_HZ, BLOCK_NS)
        self._counted_ns = 0

    def push(self, frame: av.AudioFrame, media_ns: int | None = None) -> None:
        """Take a frame.

        Args:
            frame: decoded sound of any format.
            media_ns: time of its first sample by any clock of the source; None: right after the
                frame before.
        """
        length_ns = frame.samples * NS_PER_S // frame.sample_rate
        start_ns = self._counted_ns if media_ns is None else media_ns
        self._counted_ns = start_ns + length_ns
        # The clock learns from when the last sample came; nothing can come before that.
        end_ns = self._clock.place(start_ns + length_ns, self._sink.now_ns())
        for block in self._placer.push(frame, end_ns - length_ns):
            self._sink.sound(block.samples, block.t_ns)


class PictureFeed:
    """Pictures of one stream, placed on the session clock.

    Args:
        sink: takes them.
    """

    def __init__(self, sink: LiveSink) -> None:
        self._sink = sink
        self._clock = ArrivalClock()
        self._last_ns: int | None = None
        self._typical_ns = NS_PER_S // 30

    def push(self, frame: av.VideoFrame | NDArray[np.uint8], media_ns: int | None = None) -> None:
        """Take a picture.

        Args:
            frame: decoded, or (H, W, 3) uint8 BGR that does not change afterwards.
            media_ns: when it was captured, by any clock of the source; None: now.
        """
        now_ns = self._sink.now_ns()
        own_ns = now_ns if media_ns is None else media_ns
        if self._last_ns is not None and own_ns > self._last_ns:
            step_ns = min(own_ns - self._last_ns, _LONGEST_NS)
            self._typical_ns += (step_ns - self._typical_ns) // 8
        self._last_ns = own_ns
        t_ns = now_ns if media_ns is None else self._clock.place(media_ns, now_ns)
        self._sink.picture(frame, t_ns, self._typical_ns)


async def watch_pictures(track: MediaStreamTrack, sink: LiveSink) -> None:
    """Read a track of pictures until it ends."""
    feed = PictureFeed(sink)
    with contextlib.suppress(MediaStreamError):
        while True:
            frame = await track.recv()
            if isinstance(frame, av.VideoFrame):
                feed.push(frame, _time_ns(frame))
    sink.stream_ended("face")


async def hear_sound(track: MediaStreamTrack, sink: LiveSink) -> None:
    """Read a track of sound until it ends."""
    feed = SoundFeed(sink)
    with contextlib.suppress(MediaStreamError):
        while True:
            frame = await track.recv()
            if isinstance(frame, av.AudioFrame):
                feed.push(frame, _time_ns(frame))
    sink.stream_ended("audio")


async def discard(track: MediaStreamTrack) -> None:
    """Take what nobody reads, until it ends."""
    with contextlib.suppress(MediaStreamError):
        while True:
            await track.recv()


def _time_ns(frame: av.AudioFrame | av.VideoFrame) -> int | None:
    if frame.pts is None or frame.time_base is None:
        return None
    return int(frame.pts * frame.time_base * NS_PER_S)
