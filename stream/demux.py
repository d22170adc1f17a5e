"""Opening media files and reading the frames of one stream, with session times, past damage."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import av
import av.container
from av.stream import Disposition

from .errors import MediaError
from .limits import MEDIA_MAX_PIXELS, MEDIA_PROBE_PACKETS, SEEK_PREROLL_NS
from .packet import NS_PER_S

Kind = Literal["audio", "video"]
MediaStream = av.AudioStream | av.VideoStream
STREAM_NAMES: Final[dict[Kind, str]] = {"audio": "sound", "video": "pictures"}
# These hold no times of their own; after a seek their demuxers can only guess.
_TIMELESS: Final = frozenset({"mp3", "aac", "ac3", "eac3", "mpegvideo", "h264", "hevc", "m4v"})
_RATE_UNKNOWN_HZ: Final = 25.0
_UNREADABLE: Final = (
    "is not a media file that can be read, or it was cut off before its index was written; "
    "check that it plays elsewhere, or make it anew with `ffmpeg -i IN OUT.mkv`"
)


def open_media(path: Path) -> av.container.InputContainer:
    """Open a media file.

    Raises:
        MediaError: it is missing, a folder, empty, or not media; the message says which.
    """
    if not path.exists():
        raise MediaError(f"{path} does not exist; check the name")
    if not path.is_file():
        raise MediaError(f"{path} is not a file; name one media file")
    try:
        if path.stat().st_size == 0:
            raise MediaError(f"{path} is empty (0 bytes); record or copy it again")
        return av.open(str(path.resolve()), metadata_errors="ignore")
    except (av.FFmpegError, OSError) as error:
        if isinstance(error, PermissionError):
            raise MediaError(f"{path} may not be read; check its permissions") from error
        raise MediaError(f"{path} {_UNREADABLE} ({error.strerror})") from error


def select_stream(container: av.container.InputContainer, kind: Kind) -> MediaStream | None:
    """Choose the stream of a kind that a player would; cover art is not a picture stream.

    Raises:
        MediaError: its pictures are larger than any that are decoded here.
    """
    streams: list[MediaStream] = [
        stream
        for stream in (container.streams.audio if kind == "audio" else container.streams.video)
        if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        return None
    best = container.streams.best(kind)
    chosen = next((stream for stream in streams if best and stream.index == best.index), streams[0])
    if isinstance(chosen, av.VideoStream) and chosen.width * chosen.height > MEDIA_MAX_PIXELS:
        raise MediaError(
            f"{container.name} has pictures of {chosen.width} x {chosen.height}; scale them down"
        )
    return chosen


def origin_ns(container: av.container.InputContainer) -> int:
    """Where session time 0 lies on the container's own clock: its earliest stream start."""
    chosen = (select_stream(container, kind) for kind in STREAM_NAMES)
    starts = [
        to_ns(stream.start_time, stream.time_base)
        for stream in chosen
        if stream is not None and stream.start_time is not None
    ]
    return min(starts, default=0)


def to_ns(ticks: int, time_base: Fraction | None) -> int:
    """Convert ticks of a time base to ns, rounded to the nearest."""
    return round(ticks * (time_base or Fraction(1, 90_000)) * NS_PER_S)


def mean_rate_hz(stream: MediaStream) -> float:
    """Mean frame rate of a picture stream as the file states it; 0 where that is not believable."""
    rate = float(getattr(stream, "average_rate", None) or 0.0)
    return rate if 0.2 <= rate <= 240.0 else 0.0


class FrameReader:
    """Frames of one stream with session times, past packets that cannot be decoded."""

    def __init__(self, path: Path, kind: Kind, start_ns: int) -> None:
        """Open a file for its stream of a kind, from `start_ns` of session time on.

        Raises:
            MediaError: the file cannot be read or has no such stream.
        """
        self._path, self._kind, self._start_ns = path, kind, start_ns
        self.bad_packets = 0
        self._container = open_media(path)
        self._stream = self._pick()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def nominal_ns(self) -> int:
        """Mean time between pictures."""
        return round(NS_PER_S / (mean_rate_hz(self._stream) or _RATE_UNKNOWN_HZ))

    def pixel_aspect(self) -> float:
        """Width of a stored pixel over its height."""
        aspect = float(getattr(self._stream, "sample_aspect_ratio", None) or 1.0)
        return aspect if 0.25 <= aspect <= 4.0 else 1.0

    def frames(self) -> Iterator[tuple[Any, int | None]]:
        """Yield (frame, session time) from a little before `start_ns` on.

        Raises:
            MediaError: the whole stream has no frame.
        """
        decoded = False
        for frame, t_ns in self._sought():
            decoded = True
            yield frame, t_ns
        if not decoded:
            raise MediaError(
                f"{self._path}: none of its {STREAM_NAMES[self._kind]} can be decoded; "
                "check that it plays elsewhere"
            )

    def _sought(self) -> Iterator[tuple[Any, int | None]]:
        target_ns = self._start_ns - SEEK_PREROLL_NS
        if target_ns > 0 and self._container.format.name not in _TIMELESS:
            frames = self._decode_after_seek(target_ns)
            first = next(frames, None)
            # An index that is wrong or missing can land after the target or find nothing.
            if first is not None and first[1] is not None and first[1] <= self._start_ns:
                yield first
                yield from frames
                return
            self._container.close()
            self._container = open_media(self._path)
            self._stream = self._pick()
        yield from self._decode()

    def _decode_after_seek(self, target_ns: int) -> Iterator[tuple[Any, int | None]]:
        time_base = self._stream.time_base or Fraction(1, 90_000)
        offset = int((target_ns + origin_ns(self._container)) / (NS_PER_S * time_base))
        try:
            self._container.seek(offset, stream=self._stream)
        except av.FFmpegError:
            return
        yield from self._decode()

    def _decode(self) -> Iterator[tuple[Any, int | None]]:
        zero_ns = origin_ns(self._container)
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
                frames = [] if packet is None else packet.decode()
            except av.EOFError:
                return
            except av.FFmpegError:
                self.bad_packets += 1
                if self.bad_packets > MEDIA_PROBE_PACKETS:
                    return
                continue
            if packet is None:
                return
            for frame in frames:
                if not isinstance(frame, av.AudioFrame | av.VideoFrame):
                    continue
                pts = frame.pts
                yield frame, None if pts is None else to_ns(pts, frame.time_base) - zero_ns

    def _pick(self) -> MediaStream:
        stream = select_stream(self._container, self._kind)
        if stream is None:
            raise MediaError(f"{self._path} holds no {STREAM_NAMES[self._kind]}")
        stream.codec_context.thread_type = "AUTO"
        stream.codec_context.thread_count = 2
        return stream
