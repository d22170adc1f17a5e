"""Face stage: pictures in, quality of every one and face features at a bounded rate out."""

from collections.abc import Iterator

import numpy as np
import torch

from ...models.face_encoder import FaceReader, FaceReading
from ...stream.ahead import ahead
from ...stream.packet import NS_PER_S, Packet
from ...stream.replayed import video_packets
from ..config import Settings
from ..inject import damage, parse_injections
from ..job import Go, Job
from ..quality import Quality, QualityFlag, VideoChecker
from .emitter import Emitter
from .reports import OUTLINE, REST, feature_meta

AHEAD = 8
"""Pictures of a recording that are decoded and checked while one is read."""


class FaceTrack:
    """One participant's pictures on their way through the stage.

    Args:
        reader: one that has not seen anything yet, for this track alone.
        emitter: numbers what comes out.
        start_ns: session time at which the pictures are expected to begin.
        max_hz: most readings per second; every picture is still checked for quality.
    """

    def __init__(self, reader: FaceReader, emitter: Emitter, start_ns: int, max_hz: float) -> None:
        self._reader = reader
        self._emitter = emitter
        self._period_ns = round(NS_PER_S / max_hz)
        self._checker = VideoChecker()
        self._state = self._checker.initial_state()
        self._due_ns = self._end_ns = start_ns
        self._faces: frozenset[QualityFlag] = frozenset()

    def push(self, media: Packet) -> Iterator[Packet]:
        """One feature packet per picture; its data are empty for pictures that are only checked.

        A picture whose meta asks for the outline of the face gets it in that of its features.
        """
        yield self.read(media, self.check(media))

    def check(self, media: Packet) -> Quality:
        """Judge the next picture. It may be done ahead of reading, in another thread."""
        quality, self._state = self._checker.check(media.data, media.t_capture_ns, self._state)
        return quality

    def read(self, media: Packet, quality: Quality) -> Packet:
        """The feature packet of the next picture, see `push`."""
        t_ns = media.t_capture_ns
        values = np.zeros(0, dtype=np.float32)
        outline: list[list[float]] | None = None
        if not quality.masked:
            if t_ns >= self._due_ns:
                reading = self._reader.read(media.data, t_ns)
                self._faces = _face_flags(reading)
                values = values if reading.values is None else reading.values
                if media.meta.get(OUTLINE):
                    outline = _shares(reading, media)
                period_ns = self._period_ns * (2 if media.meta.get(REST) else 1)
                self._due_ns = max(self._due_ns, t_ns - period_ns // 2) + period_ns
            # Pictures between two readings count as showing what the last reading found.
            quality = quality.with_flags(*self._faces)
        self._end_ns = media.t_end_ns
        meta = feature_meta(quality, self._period_ns, self._end_ns)
        if outline is not None:
            meta[OUTLINE] = outline
        return self._emitter.packet("feature", media, values, meta)

    def end(self) -> Iterator[Packet]:
        """The last packet."""
        yield self._emitter.end(self._end_ns)

    def close(self) -> None:
        """Free the face tracker."""
        self._reader.close()


class FaceStage:
    """Reads the pictures of a recording.

    Args:
        job: what to read and with which weights.
        reader: one that is loaded and has not seen anything yet; None to load one.

    Raises:
        ModelError: weights are missing, damaged or unfit.
    """

    def __init__(self, job: Job, reader: FaceReader | None = None) -> None:
        torch.set_num_threads(job.settings.threads)
        self._job = job
        self._reader = reader or open_reader(job.settings)

    def packets(self, go: Go) -> Iterator[Packet]:
        """All packets of the recording, see `FaceTrack`."""
        job = self._job
        if job.media is None:
            return
        emitter = Emitter("face", job.participant, job.epoch)
        track = FaceTrack(self._reader, emitter, go.start_ns, job.settings.face.max_hz)
        media = video_packets(
            job.media, participant=job.participant, start_ns=go.start_ns, epoch=job.epoch
        )
        pictures = damage(media, parse_injections(job.inject))
        for picture, quality in ahead(((p, track.check(p)) for p in pictures), AHEAD):
            yield track.read(picture, quality)
        yield from track.end()


def open_reader(settings: Settings) -> FaceReader:
    """Load what reads pictures.

    Raises:
        ModelError: weights are missing, damaged or unfit.
    """
    return FaceReader.load(settings.weights / "face", settings.face.landmarker)


def _face_flags(reading: FaceReading) -> frozenset[QualityFlag]:
    if reading.faces == 0:
        return frozenset({QualityFlag.NO_FACE})
    return frozenset({QualityFlag.TWO_FACES}) if reading.faces > 1 else frozenset()


def _shares(reading: FaceReading, picture: Packet) -> list[list[float]]:
    """The face's oval as shares of the picture's width and height; empty without a face."""
    if reading.outline is None:
        return []
    height, width = picture.data.shape[:2]
    points = reading.outline / np.array([width, height], dtype=np.float32)
    return [[round(float(x), 4), round(float(y), 4)] for x, y in points]
