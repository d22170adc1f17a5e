"""Audio stage: sound in, quality of every block and a feature vector per 40 ms out."""

from collections.abc import Iterator

import numpy as np
import torch

from ...models.audio_encoder import StreamingAudioEncoder
from ...stream.packet import NS_PER_MS, Packet
from ...stream.replayed import audio_packets
from ..inject import damage, parse_injections
from ..job import OVERFLOWED, Go, Job
from ..quality import AudioChecker, QualityFlag
from .emitter import Emitter
from .reports import feature_meta

MAX_GAP_NS = 5 * NS_PER_MS


class AudioTrack:
    """One participant's sound on its way through the stage.

    Args:
        encoder: loaded weights; they hold no stream, so several tracks may share them.
        emitter: numbers what comes out.
        start_ns: session time at which the sound is expected to begin.
    """

    def __init__(self, encoder: StreamingAudioEncoder, emitter: Emitter, start_ns: int) -> None:
        self._encoder = encoder
        self._emitter = emitter
        self._checker = AudioChecker()
        self._checked = self._checker.initial_state()
        self._heard = encoder.initial_state()
        self._next_ns = start_ns
        self._start_ns = start_ns
        self._end_ns: int | None = None

    def push(self, media: Packet) -> Iterator[Packet]:
        """One feature packet per block; its data (F, D) are the vectors that it completed."""
        encoder, start_ns = self._encoder, media.t_capture_ns
        quality, self._checked = self._checker.check(media.data, start_ns, self._checked)
        if media.meta.get(OVERFLOWED):
            quality = quality.with_flags(QualityFlag.OVERFLOW)
        if self._end_ns is None or abs(start_ns - self._end_ns) > MAX_GAP_NS:
            # The encoder counts samples; after a hole its count starts anew from real time.
            self._heard, self._next_ns = encoder.initial_state(), start_ns
        self._end_ns = media.t_end_ns
        samples = np.nan_to_num(media.data, posinf=0.0, neginf=0.0)
        values, self._heard = encoder.step(samples, self._heard)
        meta = feature_meta(quality, encoder.frame_ns, self._next_ns)
        meta["frames_ns"] = self._next_ns
        self._next_ns += len(values) * encoder.frame_ns
        meta["watermark_ns"] = self._next_ns
        yield self._emitter.packet("feature", media, values, meta)

    def end(self) -> Iterator[Packet]:
        """The last packet."""
        yield self._emitter.end(self._start_ns if self._end_ns is None else self._end_ns)

    def close(self) -> None:
        """Nothing to free."""


class AudioStage:
    """Reads the sound of a recording.

    Args:
        job: what to read and with which weights.
        encoder: loaded weights, when several stages share them; None to load them.

    Raises:
        ModelError: weights are missing, damaged or unfit.
    """

    def __init__(self, job: Job, encoder: StreamingAudioEncoder | None = None) -> None:
        torch.set_num_threads(job.settings.threads)
        self._job = job
        self._encoder = encoder or StreamingAudioEncoder.load(job.settings.weights / "audio")

    def packets(self, go: Go) -> Iterator[Packet]:
        """All packets of the recording, see `AudioTrack`."""
        job = self._job
        if job.media is None:
            return
        track = AudioTrack(self._encoder, Emitter("audio", job.participant, job.epoch), go.start_ns)
        media = audio_packets(
            job.media, participant=job.participant, start_ns=go.start_ns, epoch=job.epoch
        )
        for block in damage(media, parse_injections(job.inject)):
            yield from track.push(block)
        yield from track.end()
