"""One stage for many live participants: a track per stream, opened by its first media packet."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol

import numpy as np

from ...stream.limits import AUDIO_GAP_NS
from ...stream.packet import Modality, Packet
from ..job import PIECES, Job
from .emitter import Emitter


class Track(Protocol):
    """One participant's stream on its way through a stage."""

    def push(self, media: Packet) -> Iterator[Packet]:
        """Take the next media packet; gives what is certain by now."""

    def end(self) -> Iterator[Packet]:
        """No media will follow; gives the rest and a packet of kind "end"."""

    def close(self) -> None:
        """Free what garbage collection does not."""


SOUND_HZ = 16_000
OpenTrack = Callable[[Packet], Track]


class StageHost:
    """Gives each media packet to the track of its participant.

    Args:
        open_track: makes a track for the stream of which it gets the first packet.
        most: tracks at a time; beyond, the one that was idle longest is closed.
    """

    def __init__(self, open_track: OpenTrack, most: int) -> None:
        self._open = open_track
        self._most = most
        self._tracks: dict[str, Track] = {}

    def __len__(self) -> int:
        return len(self._tracks)

    def take(self, packet: Packet) -> Iterator[Packet]:
        """Take a packet of kind "media", or "end" when its stream is over."""
        name = packet.participant
        track = self._tracks.pop(name, None)
        if packet.kind == "end":
            if track is not None:
                yield from track.end()
                track.close()
            return
        if track is None:
            self._make_room()
            track = self._open(packet)
        # Put back at the end: dictionaries keep order, so the first one is idle longest.
        self._tracks[name] = track
        yield from track.push(packet)

    def close(self) -> None:
        """Close all tracks."""
        for track in self._tracks.values():
            track.close()
        self._tracks.clear()

    def _make_room(self) -> None:
        while len(self._tracks) >= self._most:
            oldest = next(iter(self._tracks))
            self._tracks.pop(oldest).close()


def join_sound(batch: Iterable[Packet]) -> list[Packet]:
    """Join pieces of sound that follow one another: what waited together costs less as one.

    Args:
        batch: packets in order, of any participants.

    Returns:
        the same media; sound that was joined says in its meta of how many pieces.
    """
    joined: list[Packet] = []
    for packet in batch:
        last = next((p for p in reversed(joined) if p.participant == packet.participant), None)
        if last is None or not _follows(last, packet):
            joined.append(packet)
            continue
        pieces = last.meta.get(PIECES, 1)
        assert isinstance(pieces, int)
        joined[joined.index(last)] = replace(
            packet,
            t_capture_ns=last.t_capture_ns,
            duration_ns=packet.t_end_ns - last.t_capture_ns,
            data=np.concatenate((last.data, packet.data)),
            meta={**last.meta, **packet.meta, PIECES: pieces + 1},
        )
    return joined


def _follows(last: Packet, packet: Packet) -> bool:
    sound = all(p.modality == "audio" and p.kind == "media" for p in (last, packet))
    return sound and abs(packet.t_capture_ns - last.t_end_ns) < AUDIO_GAP_NS


def open_host(modality: Modality, job: Job, most: int) -> StageHost:
    """Load a stage's weights once, for all its tracks.

    Raises:
        ModelError: weights are missing, damaged or unfit.
    """
    import torch

    torch.set_num_threads(job.settings.threads)
    opener = {"face": _open_face, "audio": _open_audio, "text": _open_text}[modality]
    return StageHost(opener(job), most)


def _emitter(modality: Modality, first: Packet, job: Job) -> Emitter:
    return Emitter(modality, first.participant, job.epoch)


def _open_face(job: Job) -> OpenTrack:
    from ...models.face_crop import CROP
    from ...models.face_encoder import FaceEncoder, FaceReader
    from ...models.face_mesh import FaceMesh
    from .face import FaceTrack

    encoder = FaceEncoder.load(job.settings.weights / "face")
    # The first run is slow, and nobody waits yet.
    encoder.encode(np.zeros((1, CROP, CROP), np.uint8))
    landmarker, max_hz = job.settings.face.landmarker, job.settings.face.max_hz

    def open_track(first: Packet) -> FaceTrack:
        reader = FaceReader(encoder, FaceMesh(landmarker))
        return FaceTrack(reader, _emitter("face", first, job), first.t_capture_ns, max_hz)

    return open_track


def _open_audio(job: Job) -> OpenTrack:
    from ...models.audio_encoder import StreamingAudioEncoder
    from .audio import AudioTrack

    encoder = StreamingAudioEncoder.load(job.settings.weights / "audio")
    encoder.step(np.zeros(SOUND_HZ, np.float32), encoder.initial_state())

    def open_track(first: Packet) -> AudioTrack:
        return AudioTrack(encoder, _emitter("audio", first, job), first.t_capture_ns)

    return open_track


def _open_text(job: Job) -> OpenTrack:
    from .text import TextTrack, load_text

    models = load_text(job)

    def open_track(first: Packet) -> TextTrack:
        emitter = _emitter("text", first, job)
        return TextTrack(models, emitter, first.participant, first.t_capture_ns)

    return open_track
