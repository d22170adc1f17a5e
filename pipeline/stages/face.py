"""Face stage: pictures in, quality of every one and face features at a bounded rate out."""

from collections.abc import Iterator

import numpy as np
import torch

from ...models.face_encoder import FaceReader, FaceReading
from ...stream.mediafile import video_packets
from ...stream.packet import NS_PER_S, Packet
from ..config import Settings
from ..inject import damage, parse_injections
from ..job import Go, Job
from ..quality import QualityFlag, VideoChecker
from .emitter import Emitter
from .reports import feature_meta


class FaceStage:
    """Reads the pictures of a recording.

    Args:
        job: what to read and with which weights.
        reader: one that is loaded and has not seen anything yet; None to load one.

    Raises:
        ModelError: weights are missing, damaged or unfit.
    """

    def __init__(self, job: Job, reader: FaceReader | None = None) -> None:
        settings = job.settings
        torch.set_num_threads(settings.threads)
        self._job = job
        self._period_ns = round(NS_PER_S / settings.face.max_hz)
        self._reader = reader or open_reader(settings)
        self._checker = VideoChecker()

    def packets(self, go: Go) -> Iterator[Packet]:
        """One feature packet per picture; its data are empty for pictures that are only checked."""
        job = self._job
        if job.media is None:
            return
        emitter = Emitter("face", job.participant, job.epoch)
        media = video_packets(
            job.media, participant=job.participant, start_ns=go.start_ns, epoch=job.epoch
        )
        state = self._checker.initial_state()
        due_ns, end_ns = go.start_ns, go.start_ns
        faces: frozenset[QualityFlag] = frozenset()
        for picture in damage(media, parse_injections(job.inject)):
            quality, state = self._checker.check(picture.data, picture.t_capture_ns, state)
            values = np.zeros(0, dtype=np.float32)
            span_ns = (picture.t_capture_ns, picture.duration_ns)
            if not quality.masked:
                if picture.t_capture_ns >= due_ns:
                    reading = self._reader.read(picture.data, picture.t_capture_ns)
                    faces = _face_flags(reading)
                    values = values if reading.values is None else reading.values
                    due_ns = max(due_ns, picture.t_capture_ns - self._period_ns // 2)
                    due_ns += self._period_ns
                # Pictures between two readings count as showing what the last reading found.
                quality = quality.with_flags(*faces)
            end_ns = picture.t_end_ns
            yield emitter.packet(
                "feature",
                picture,
                values,
                feature_meta(quality, self._period_ns, end_ns),
                span_ns,
            )
        yield emitter.end(end_ns)


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
