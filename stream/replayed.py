"""Sound and pictures to replay, from a media file or from a session file that holds them."""

from collections.abc import Iterator
from pathlib import Path

from . import mediafile, recorded_media
from .mediafile import MediaInfo
from .packet import Packet


def probe(path: Path) -> MediaInfo:
    """Look into what is to be replayed.

    Raises:
        MediaError: it is neither media nor a session with media.
        RecordingError: a session file cannot be read.
    """
    if recorded_media.holds_session(path):
        return recorded_media.probe_session(path)
    return mediafile.probe(path)


def audio_packets(
    path: Path, *, participant: str = "p1", start_ns: int = 0, epoch: int = 0
) -> Iterator[Packet]:
    """Its sound, see `mediafile.audio_packets` and `recorded_media.sound_packets`."""
    if recorded_media.holds_session(path):
        return recorded_media.sound_packets(
            path, participant=participant, start_ns=start_ns, epoch=epoch
        )
    return mediafile.audio_packets(path, participant=participant, start_ns=start_ns, epoch=epoch)


def video_packets(
    path: Path, *, participant: str = "p1", start_ns: int = 0, epoch: int = 0
) -> Iterator[Packet]:
    """Its pictures, see `mediafile.video_packets` and `recorded_media.picture_packets`."""
    if recorded_media.holds_session(path):
        return recorded_media.picture_packets(
            path, participant=participant, start_ns=start_ns, epoch=epoch
        )
    return mediafile.video_packets(path, participant=participant, start_ns=start_ns, epoch=epoch)
