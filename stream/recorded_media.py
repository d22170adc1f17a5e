"""Sound and pictures that a live session file holds, as packets that carry its times."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from numpy.typing import NDArray

from .errors import MediaError, RecordingError
from .limits import MEDIA_MAX_SIDE
from .media_codecs import (
    PICTURE_FORMAT,
    SOUND_FORMAT,
    SOUND_HZ,
    PictureDecoder,
    SoundDecoder,
    Unit,
    is_key,
)
from .media_messages import media_of_entry, unpack_unit
from .mediafile import AudioInfo, MediaInfo, VideoInfo
from .packet import NS_PER_MS, NS_PER_S, Modality, Packet
from .pictures import PictureSize, Turn, upright_bgr
from .recording import Entry
from .recording_reader import RecordingReader, is_recording

USUAL_NS: Final = NS_PER_S // 30
"""How long a picture lasts until its stream's rate is known."""
_RECENT: Final = 15


def holds_session(path: Path) -> bool:
    """Whether a file is a session file; one that cannot be read is not."""
    try:
        return is_recording(path)
    except RecordingError:
        return False


def media_units(path: Path, *wanted: Modality) -> Iterator[tuple[Modality, Unit]]:
    """The compressed sound and pictures of a session file, as far as it can be trusted.

    Raises:
        RecordingError: it cannot be read, or holds a format that is not read here.
    """
    for record in RecordingReader(path):
        if isinstance(record, Entry):
            modality = media_of_entry(record)
            if modality is not None and modality in wanted:
                yield modality, unpack_unit(modality, record)


def probe_session(path: Path) -> MediaInfo:
    """What sound and pictures a session file holds.

    Raises:
        MediaError: it holds neither.
        RecordingError: it cannot be read.
    """
    first: dict[Modality, Unit] = {}
    end_ns, pictures = 0, 0
    for modality, unit in media_units(path, "audio", "face"):
        end_ns = max(end_ns, unit.t_ns + USUAL_NS)
        if modality == "face":
            pictures += 1
        if modality == "audio" or is_key(unit.data):
            first.setdefault(modality, unit)
    if not first:
        raise MediaError(f"{path} holds neither sound nor pictures; record it with --media")
    audio, video = None, None
    if "audio" in first:
        audio = AudioInfo(SOUND_FORMAT, SOUND_HZ, 1, first["audio"].t_ns)
    if "face" in first:
        start_ns, data = first["face"]
        frame = PictureDecoder().decode(data)
        if frame is not None:
            rate_hz = pictures * NS_PER_S / max(1, end_ns - start_ns)
            video = VideoInfo(PICTURE_FORMAT, frame.width, frame.height, rate_hz, start_ns)
    return MediaInfo(end_ns, audio, video)


def sound_packets(
    path: Path, *, participant: str = "p1", start_ns: int = 0, epoch: int = 0
) -> Iterator[Packet]:
    """The sound of a session file, in the pieces in which it was recorded.

    Args:
        path: the session file.
        participant: whose sound it is.
        start_ns: leave out what begins before.
        epoch: restarts of the source so far.

    Yields:
        Packets of kind "media"; data of shape (N,), float32, in [-1, 1], 16 kHz.

    Raises:
        RecordingError: the file cannot be read.
    """
    decoder, seq = SoundDecoder(), 0
    for _, (t_ns, data) in media_units(path, "audio"):
        samples = decoder.decode(data)
        if t_ns < start_ns or not samples.size:
            continue
        lasted_ns = samples.size * NS_PER_S // SOUND_HZ
        made = _Made(samples, t_ns, lasted_ns, {"rate_hz": SOUND_HZ, "bad_packets": 0})
        yield _packet("audio", made, path, (participant, epoch, seq))
        seq += 1


def picture_packets(
    path: Path,
    *,
    participant: str = "p1",
    start_ns: int = 0,
    epoch: int = 0,
    max_side: int = MEDIA_MAX_SIDE,
) -> Iterator[Packet]:
    """The pictures of a session file, each at the time at which it was captured.

    A packet lasts until the next picture, or as long as pictures usually do where the next one is
    missing or so late that the picture froze (webrtc-stats: max(3 d, d + 150 ms)).

    Args:
        path: the session file.
        participant: whose pictures they are.
        start_ns: leave out pictures before.
        epoch: restarts of the source so far.
        max_side: see `mediafile.video_packets`.

    Yields:
        Packets of kind "media", modality "face"; data of shape (H, W, 3), uint8, BGR.

    Raises:
        RecordingError: the file cannot be read.
    """
    size, turn = PictureSize(max_side, 1.0), Turn()
    recent: deque[int] = deque([USUAL_NS], maxlen=_RECENT)
    decoder, held, seq = PictureDecoder(), None, 0
    for _, (t_ns, data) in media_units(path, "face"):
        frame = decoder.decode(data)
        if frame is None:
            continue
        if held is not None:
            yield _packet("face", held.until(t_ns, recent), path, (participant, epoch, seq))
            seq += 1
        held = None
        if t_ns >= start_ns:
            held = _Made(upright_bgr(frame, size, turn), t_ns, 0, {"bad_packets": 0})
    if held is not None:
        last = held._replace(lasted_ns=round(median(recent)))
        yield _packet("face", last, path, (participant, epoch, seq))


class _Made(NamedTuple):
    data: NDArray[Any]
    t_ns: int
    lasted_ns: int
    meta: dict[str, int]

    def until(self, next_ns: int, recent: deque[int]) -> "_Made":
        """The same picture, lasting until the next one comes."""
        usual_ns, lasted_ns = round(median(recent)), next_ns - self.t_ns
        recent.append(lasted_ns)
        froze = lasted_ns > max(3 * usual_ns, usual_ns + 150 * NS_PER_MS)
        return self._replace(lasted_ns=usual_ns if froze else lasted_ns)


def _packet(modality: Modality, made: _Made, path: Path, who: tuple[str, int, int]) -> Packet:
    participant, epoch, seq = who
    return Packet(
        kind="media",
        modality=modality,
        participant=participant,
        source=f"{path.name}:{modality}",
        epoch=epoch,
        seq=seq,
        t_capture_ns=made.t_ns,
        duration_ns=made.lasted_ns,
        t_available_ns=made.t_ns + made.lasted_ns,
        data=made.data,
        meta=made.meta,
    )
