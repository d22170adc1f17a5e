"""Audio stage: sound in, quality of every block and a feature vector per 40 ms out."""

from collections.abc import Iterator

import numpy as np
import torch

from ...models.audio_encoder import StreamingAudioEncoder
from ...stream.mediafile import audio_packets
from ...stream.packet import NS_PER_MS, Packet
from ..inject import damage, parse_injections
from ..job import Go, Job
from ..quality import AudioChecker
from .emitter import Emitter
from .reports import feature_meta

MAX_GAP_NS = 5 * NS_PER_MS


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
        self._checker = AudioChecker()

    def packets(self, go: Go) -> Iterator[Packet]:
        """One feature packet per block; its data (F, D) are the vectors that it completed."""
        job, encoder = self._job, self._encoder
        if job.media is None:
            return
        emitter = Emitter("audio", job.participant, job.epoch)
        media = audio_packets(
            job.media, participant=job.participant, start_ns=go.start_ns, epoch=job.epoch
        )
        checked = self._checker.initial_state()
        heard = encoder.initial_state()
        next_ns, end_ns = go.start_ns, None
        for block in damage(media, parse_injections(job.inject)):
            quality, checked = self._checker.check(block.data, block.t_capture_ns, checked)
            if end_ns is None or abs(block.t_capture_ns - end_ns) > MAX_GAP_NS:
                # The encoder counts samples; after a hole its count starts anew from real time.
                heard, next_ns = encoder.initial_state(), block.t_capture_ns
            end_ns = block.t_end_ns
            values, heard = encoder.step(np.nan_to_num(block.data, posinf=0.0, neginf=0.0), heard)
            meta = feature_meta(quality, encoder.frame_ns, next_ns)
            meta["frames_ns"] = next_ns
            next_ns += len(values) * encoder.frame_ns
            meta["watermark_ns"] = next_ns
            yield emitter.packet("feature", block, values, meta)
        yield emitter.end(go.start_ns if end_ns is None else end_ns)
