"""Small media files for tests, written with PyAV."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

MS = Fraction(1, 1000)


def tone(
    seconds: float, rate_hz: int, hz: float = 440.0, level: float = 0.5
) -> NDArray[np.float32]:
    t_s = np.arange(round(seconds * rate_hz)) / rate_hz
    samples: NDArray[np.float32] = (level * np.sin(2 * np.pi * hz * t_s)).astype(np.float32)
    return samples


def write_audio(
    path: Path,
    channels: NDArray[np.float32],
    rate_hz: int,
    *,
    codec: str = "pcm_s16le",
    layout: str = "mono",
    skips: Sequence[tuple[int, int]] = (),
) -> Path:
    """Write (C, N) samples; each (index, ticks) in skips moves all from that sample on by ticks."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        assert isinstance(stream, av.AudioStream)
        size = stream.codec_context.frame_size or 1000
        for first in range(0, channels.shape[1], size):
            piece = channels[:, first : first + size]
            packed = np.ascontiguousarray(piece.T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
            frame.sample_rate = rate_hz
            frame.time_base = Fraction(1, rate_hz)
            frame.pts = first + sum(ticks for index, ticks in skips if first >= index)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def picture(k: int, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """A grey picture whose level tells its number: 40 + 4 k."""
    return np.full((height, width, 3), 40 + 4 * k, dtype=np.uint8)


def write_video(
    path: Path,
    pictures: Sequence[NDArray[np.uint8]],
    times_ms: Sequence[int],
    *,
    codec: str = "libx264",
    matrix: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = MS
        stream.time_base = MS
        if matrix is not None:
            stream.set_display_matrix(matrix)
        for image, t_ms in zip(pictures, times_ms, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = t_ms, MS
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_both(
    path: Path, seconds: int, *, audio_codec: str = "aac", rate_hz: int = 48_000
) -> Path:
    """A clip with a tone and 25 grey pictures a second whose levels count up modulo 50."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=25, options={"g": "25", "bf": "2"})
        video.height, video.width, video.pix_fmt = 48, 64, "yuv420p"
        audio: Any = container.add_stream(audio_codec, rate=rate_hz, layout="mono")
        sound = tone(seconds, rate_hz)
        size = audio.codec_context.frame_size or 1024
        for k in range(25 * seconds):
            frame = av.VideoFrame.from_ndarray(picture(k % 50), format="bgr24")
            frame.pts, frame.time_base = k, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for first in range(0, sound.size, size):
            piece = sound[np.newaxis, first : first + size]
            block = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            block.sample_rate, block.pts = rate_hz, first
            block.time_base = Fraction(1, rate_hz)
            container.mux(audio.encode(block))
        container.mux(audio.encode(None))
    return path
