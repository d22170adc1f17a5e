"""Sound and pictures of a live session as compressed units, each decodable when it comes.

Sound is FLAC (RFC 9639): lossless at 16 bits, one frame per 20 ms. Pictures are H.264 without
B-frames, one unit per picture, with its parameter sets before each key picture and a key picture
every second, so that a stream which is cut or joined late is seen again within a second.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final, NamedTuple

import av
import av.video.frame
import numpy as np
from av.codec.context import Flags
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from .limits import AUDIO_GAP_NS
from .packet import NS_PER_S

SOUND_HZ: Final = 16_000
BLOCK_SAMPLES: Final = 320
SOUND_FORMAT: Final = "flac"
PICTURE_FORMAT: Final = "h264"
KEY_NS: Final = NS_PER_S
_MICRO: Final = Fraction(1, 1_000_000)
_FULL_SCALE: Final = 32_768
_MOST_KBIT: Final = 2500
"""Most kbit/s, and kbit in one second's burst."""
_X264: Final = {
    "preset": "superfast",
    "tune": "zerolatency",
    "crf": "23",
    "forced-idr": "1",
    # Key pictures come when they are asked for; a noisy camera cannot fill the disk.
    "x264-params": ":".join(
        ("keyint=infinite", "scenecut=0", f"vbv-maxrate={_MOST_KBIT}", f"vbv-bufsize={_MOST_KBIT}")
    ),
}
# Without ACCURATE_RND, grey comes out 3 levels too dark.
_EXACT: Final = Interpolation.BILINEAR | Interpolation.ACCURATE_RND
_SEQUENCE_PARAMETERS: Final = 7


class Unit(NamedTuple):
    """A compressed piece of one stream: session time of its start in ns, and its bytes."""

    t_ns: int
    data: bytes


class SoundEncoder:
    """Makes FLAC frames of sound that comes in pieces of any length."""

    def __init__(self) -> None:
        self._codec: av.AudioCodecContext | None = None
        self._rest = np.zeros(0, np.int16)
        self._rest_ns = 0

    def push(self, samples: NDArray[np.float32], t_ns: int) -> Iterator[Unit]:
        """Encode what is complete; a hole or a jump of more than 5 ms starts a new frame.

        Args:
            samples: (N,) float32 in [-1, 1], 16 kHz mono.
            t_ns: session time of the first one.
        """
        expected_ns = self._rest_ns + _length_ns(self._rest.size)
        if self._rest.size and abs(t_ns - expected_ns) > AUDIO_GAP_NS:
            yield from self.flush()
        if not self._rest.size:
            self._rest_ns = t_ns
        whole = np.clip(np.rint(samples * np.float64(_FULL_SCALE)), -_FULL_SCALE, _FULL_SCALE - 1)
        fresh = np.nan_to_num(whole).astype(np.int16)
        self._rest = np.concatenate([self._rest, fresh])
        while self._rest.size >= BLOCK_SAMPLES:
            block, self._rest = self._rest[:BLOCK_SAMPLES], self._rest[BLOCK_SAMPLES:]
            yield from self._encoded(block)

    def flush(self) -> Iterator[Unit]:
        """Encode what is left, as a shorter frame."""
        if self._rest.size:
            block, self._rest = self._rest, self._rest[:0]
            yield from self._encoded(block)

    def _encoded(self, block: NDArray[np.int16]) -> Iterator[Unit]:
        codec = self._codec = self._codec or _sound_codec()
        frame = av.AudioFrame.from_ndarray(block[np.newaxis], format="s16", layout="mono")
        frame.sample_rate, frame.pts = SOUND_HZ, None
        packets = codec.encode(frame)
        if block.size < BLOCK_SAMPLES:
            # FLAC's only shorter frame is the last one.
            packets += codec.encode(None)
            self._codec = None
        for data in filter(None, map(bytes, packets)):
            yield Unit(self._rest_ns, data)
        self._rest_ns += _length_ns(block.size)


class SoundDecoder:
    """Reads FLAC frames."""

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("flac", "r")
        assert isinstance(self._codec, av.AudioCodecContext)
        self._codec.sample_rate, self._codec.layout = SOUND_HZ, "mono"
        self._codec.thread_count = 1

    def decode(self, data: bytes) -> NDArray[np.float32]:
        """The samples of one unit: (N,) float32 in [-1, 1]; none where it is damaged."""
        try:
            frames: list[Any] = self._codec.decode(av.Packet(data))
        except av.FFmpegError:
            return np.zeros(0, np.float32)
        blocks = [frame.to_ndarray().reshape(-1) for frame in frames]
        whole = np.concatenate([np.zeros(0, np.int16), *blocks])
        samples: NDArray[np.float32] = (whole / np.float32(_FULL_SCALE)).astype(np.float32)
        return samples


class PictureEncoder:
    """Makes one H.264 unit of each picture; a change of size starts a new stream."""

    def __init__(self) -> None:
        self._codec: av.VideoCodecContext | None = None
        self._key_ns = 0
        self._last_us = -1

    def encode(self, picture: NDArray[np.uint8], t_ns: int) -> Iterator[Unit]:
        """Encode a picture; one whose time does not rise is left out.

        Args:
            picture: (H, W, 3) uint8 BGR; an odd last row or column is cut off.
            t_ns: session time at which it was captured.
        """
        t_us = t_ns // 1000
        height, width = (side & ~1 for side in picture.shape[:2])
        if t_us <= self._last_us or not height or not width:
            return
        codec = self._codec
        if codec is None or (codec.width, codec.height) != (width, height):
            codec = self._codec = _picture_codec(width, height)
            self._key_ns = t_ns - KEY_NS
        even = np.ascontiguousarray(picture[:height, :width])
        frame = av.VideoFrame.from_ndarray(even, format="bgr24").reformat(
            format="yuv420p", interpolation=_EXACT, threads=1
        )
        frame.pts, frame.time_base = t_us, _MICRO
        if t_ns - self._key_ns >= KEY_NS:
            frame.pict_type = av.video.frame.PictureType.I
            self._key_ns = t_ns
        self._last_us = t_us
        for packet in codec.encode(frame):
            yield Unit(t_ns, bytes(packet))


class PictureDecoder:
    """Reads H.264 units, from the first key picture on."""

    def __init__(self) -> None:
        codec = av.CodecContext.create("h264", "r")
        assert isinstance(codec, av.VideoCodecContext)
        codec.thread_count = 1
        codec.flags |= int(Flags.low_delay)
        self._codec = codec
        self._begun = False

    def decode(self, data: bytes) -> av.VideoFrame | None:
        """The picture of one unit; None where it is damaged or has no key picture before it."""
        self._begun = self._begun or is_key(data)
        if not self._begun:
            return None
        try:
            frames = self._codec.decode(av.Packet(data))
        except av.FFmpegError:
            return None
        return frames[-1] if frames else None


def is_key(data: bytes) -> bool:
    """Whether a picture's unit can be read without those before it."""
    # Its encoder puts the parameter sets first.
    start = data.find(b"\x00\x00\x01", 0, 8)
    return start >= 0 and len(data) > start + 3 and data[start + 3] & 31 == _SEQUENCE_PARAMETERS


def _length_ns(samples: int) -> int:
    return samples * NS_PER_S // SOUND_HZ


def _sound_codec() -> av.AudioCodecContext:
    codec = av.CodecContext.create("flac", "w")
    assert isinstance(codec, av.AudioCodecContext)
    codec.sample_rate, codec.layout, codec.format = SOUND_HZ, "mono", "s16"
    codec.time_base = Fraction(1, SOUND_HZ)
    codec.options = {"frame_size": str(BLOCK_SAMPLES)}
    return codec


def _picture_codec(width: int, height: int) -> av.VideoCodecContext:
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.framerate = _MICRO, Fraction(30)
    codec.max_b_frames, codec.thread_count = 0, 1
    codec.options = dict(_X264)
    return codec
