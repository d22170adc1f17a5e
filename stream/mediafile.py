"""Sound and pictures of a media file as packets that carry the file's own times.

Time 0 of the session clock is the earliest start among the file's sound and picture streams; both
share it. Times come from each frame's pts, never from counting, so a variable frame rate, a hole
or a late start stays what it was.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import av
import av.container
import numpy as np
from numpy.typing import NDArray

from .demux import (
    STREAM_NAMES,
    FrameReader,
    Kind,
    MediaStream,
    mean_rate_hz,
    open_media,
    origin_ns,
    select_stream,
    to_ns,
)
from .errors import MediaError
from .limits import MEDIA_MAX_SIDE, MEDIA_PROBE_PACKETS
from .packet import NS_PER_MS, Packet
from .pictures import PictureSize, Turn, upright_bgr
from .soundblocks import Block, SoundPlacer


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """The sound of a file: codec name, sampling rate as stored, channels, start in session time."""

    codec: str
    rate_hz: int
    channels: int
    start_ns: int


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The pictures of a file.

    Attributes:
        codec: codec name.
        width: stored width in pixels, before rotation.
        height: stored height in pixels, before rotation.
        rate_hz: mean frame rate; 0 where the file does not say.
        start_ns: session time of the first picture.
    """

    codec: str
    width: int
    height: int
    rate_hz: float
    start_ns: int


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a file holds: duration from session time 0 (0 where unknown), sound, pictures."""

    duration_ns: int
    audio: AudioInfo | None
    video: VideoInfo | None


def probe(path: Path | str) -> MediaInfo:
    """Look into a media file, decoding the first frame of each stream.

    Args:
        path: the file, in any container that FFmpeg reads.

    Returns:
        What it holds; a stream without a single frame counts as absent.

    Raises:
        MediaError: the file is missing, not media, or holds neither sound nor pictures.
    """
    path = Path(path)
    with closing(open_media(path)) as container:
        streams = [s for kind in STREAM_NAMES if (s := select_stream(container, kind)) is not None]
        if not streams:
            raise MediaError(f"{path} holds neither sound nor pictures; give a recording of them")
        alive = _alive(container, streams)
        if not alive:
            names = " or ".join(STREAM_NAMES[_kind(stream)] for stream in streams)
            raise MediaError(
                f"{path} is empty: not one frame of its {names} can be decoded; "
                "check that it plays elsewhere"
            )
        return _describe(container, [stream for stream in streams if stream.index in alive])


def _kind(stream: MediaStream) -> Kind:
    return "audio" if isinstance(stream, av.AudioStream) else "video"


def _alive(container: av.container.InputContainer, streams: list[MediaStream]) -> set[int]:
    """Indices of the streams that gave a frame, or might yet when the look-ahead ran out."""
    alive: set[int] = set()
    packets = container.demux(streams)
    for _ in range(MEDIA_PROBE_PACKETS):
        try:
            packet = next(packets, None)
            if packet is None:
                return alive
            if packet.stream.index not in alive and packet.decode():
                alive.add(packet.stream.index)
        except av.FFmpegError:
            continue
        if len(alive) == len(streams):
            return alive
    return {stream.index for stream in streams}


def _describe(container: av.container.InputContainer, streams: list[MediaStream]) -> MediaInfo:
    zero_ns = origin_ns(container)
    audio: AudioInfo | None = None
    video: VideoInfo | None = None
    ends_ns = [(container.duration or 0) * 1000]
    for stream in streams:
        start = to_ns(stream.start_time or 0, stream.time_base)
        start_ns = start - zero_ns if stream.start_time is not None else 0
        ends_ns.append(start_ns + to_ns(stream.duration or 0, stream.time_base))
        codec = stream.codec_context.name
        if isinstance(stream, av.AudioStream):
            audio = AudioInfo(codec, stream.sample_rate, stream.channels, start_ns)
        else:
            rate_hz = mean_rate_hz(stream)
            video = VideoInfo(codec, stream.width, stream.height, rate_hz, start_ns)
    return MediaInfo(max(ends_ns), audio, video)


def audio_packets(
    path: Path | str,
    *,
    participant: str = "p1",
    rate_hz: int = 16_000,
    block_ns: int = 20 * NS_PER_MS,
    start_ns: int = 0,
    epoch: int = 0,
) -> Iterator[Packet]:
    """Read a file's sound as mono packets on a fixed grid of blocks.

    Block k covers [k * block_ns, (k + 1) * block_ns) of session time; only the first and last
    block of the sound and those next to a hole are shorter. A hole in the pts gives a hole between
    packets. `meta` counts undecodable packets so far as `bad_packets`.

    Args:
        path: the file.
        participant: whose sound it is.
        rate_hz: rate to resample to.
        block_ns: length of a packet; must hold a whole number of samples.
        start_ns: leave out packets that begin before; a restarted worker goes on there.
        epoch: restarts of the source so far.

    Yields:
        Packets of kind "media"; data of shape (N,), float32, in [-1, 1].

    Raises:
        MediaError: the file cannot be read or holds no sound.
        LocalError: `block_ns` does not fit `rate_hz`.
    """
    path = Path(path)
    placer = SoundPlacer(rate_hz, block_ns)
    with closing(FrameReader(path, "audio", start_ns)) as reader:
        seq = 0
        for block in _blocks(reader, placer):
            if block.t_ns < start_ns:
                continue
            t_end_ns = block.t_ns + block.duration_ns
            yield Packet(
                kind="media",
                modality="audio",
                participant=participant,
                source=f"{path.name}:audio",
                epoch=epoch,
                seq=seq,
                t_capture_ns=block.t_ns,
                duration_ns=block.duration_ns,
                t_available_ns=t_end_ns,
                data=block.samples,
                meta={"rate_hz": rate_hz, "bad_packets": reader.bad_packets},
            )
            seq += 1


def _blocks(reader: FrameReader, placer: SoundPlacer) -> Iterator[Block]:
    for frame, t_ns in reader.frames():
        yield from placer.push(frame, t_ns)
    yield from placer.flush()


def video_packets(
    path: Path | str,
    *,
    participant: str = "p1",
    start_ns: int = 0,
    epoch: int = 0,
    max_side: int = MEDIA_MAX_SIDE,
) -> Iterator[Packet]:
    """Read a file's pictures, upright, each at its own time.

    A packet lasts until the next picture, or the nominal frame time where the next is missing or so
    late that the picture froze (webrtc-stats: max(3 d, d + 150 ms)). Pictures whose time does not
    rise are left out; `meta` counts them as `bad_times`, undecodable packets as `bad_packets`.

    Args:
        path: the file.
        participant: whose pictures they are.
        start_ns: leave out pictures before; a restarted worker goes on there.
        epoch: restarts of the source so far.
        max_side: longer side in pixels to which larger pictures are scaled down; up to half as
            large again they are left as they are, see `PictureSize`.

    Yields:
        Packets of kind "media", modality "face"; data of shape (H, W, 3), uint8, BGR.

    Raises:
        MediaError: the file cannot be read or holds no pictures.
    """
    path = Path(path)
    with closing(FrameReader(path, "video", start_ns)) as reader:
        for seq, shot in enumerate(_shots(reader, start_ns, max_side)):
            yield Packet(
                kind="media",
                modality="face",
                participant=participant,
                source=f"{path.name}:video",
                epoch=epoch,
                seq=seq,
                t_capture_ns=shot.t_ns,
                duration_ns=shot.duration_ns,
                t_available_ns=shot.t_ns + shot.duration_ns,
                data=shot.picture,
                meta={"bad_packets": reader.bad_packets, "bad_times": shot.bad_times},
            )


class _Shot(NamedTuple):
    t_ns: int
    duration_ns: int
    picture: NDArray[np.uint8]
    bad_times: int


def _shots(reader: FrameReader, start_ns: int, max_side: int) -> Iterator[_Shot]:
    """Give each picture its duration; one picture is held back until the next is known."""
    nominal_ns = reader.nominal_ns()
    frozen_ns = max(3 * nominal_ns, nominal_ns + 150 * NS_PER_MS)
    size, turn = PictureSize(max_side, reader.pixel_aspect()), Turn()
    held: tuple[int, av.VideoFrame] | None = None
    last_ns, bad_times = -1, 0
    for frame, t_ns in reader.frames():
        if t_ns is None or t_ns <= last_ns:
            bad_times += 1
            continue
        last_ns = t_ns
        if held is not None:
            lasted_ns = t_ns - held[0]
            lasted_ns = lasted_ns if lasted_ns <= frozen_ns else nominal_ns
            yield _Shot(held[0], lasted_ns, upright_bgr(held[1], size, turn), bad_times)
        held = (t_ns, frame) if t_ns >= start_ns else None
    if held is not None:
        yield _Shot(held[0], nominal_ns, upright_bgr(held[1], size, turn), bad_times)
