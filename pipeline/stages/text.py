"""Text stage: sound in, words with their times and an embedding per phrase out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...models.text_encoder import TextEncoder
from ...models.text_timeline import TextTimeline
from ...models.transcriber import SpeechModel, Transcriber, Transcript
from ...models.transcriber_weights import load_whisper
from ...models.voice_activity import VoiceActivity
from ...stream.packet import Packet
from ...stream.replayed import audio_packets
from ..inject import Injection, damage, parse_injections
from ..inject_text import TextDamage
from ..job import Go, Job
from .emitter import Emitter

BOUND_BLOCKS = 5


@dataclass(frozen=True, slots=True, eq=False)
class TextModels:
    """Everything a text stage needs that holds no stream.

    Attributes:
        encoder: phrases to vectors.
        whisper: speech to words.
        voice: tells speech from the rest.
    """

    encoder: TextEncoder
    whisper: SpeechModel
    voice: VoiceActivity


def load_text(job: Job) -> TextModels:
    """Load the weights of a text stage.

    Raises:
        ModelError: weights are missing, damaged or unfit.
    """
    return TextModels(
        TextEncoder.load(job.settings.weights / "text"),
        load_whisper(str(job.asr), threads=job.settings.threads),
        VoiceActivity.load(),
    )


class TextTrack:
    """One participant's sound on its way to words.

    Args:
        models: loaded weights; they hold no stream, so several tracks may share them.
        emitter: numbers what comes out.
        participant: who speaks.
        start_ns: session time at which the sound is expected to begin.
        injections: damage; what concerns words is done here.
    """

    def __init__(
        self,
        models: TextModels,
        emitter: Emitter,
        participant: str,
        start_ns: int,
        injections: Sequence[Injection] = (),
    ) -> None:
        self._emitter = emitter
        self._damage = TextDamage(injections)
        self._timeline = TextTimeline(models.encoder, participant)
        self._transcriber = Transcriber(models.whisper, models.voice)
        self._start_ns = start_ns
        self._count = 0
        self._last: Packet | None = None

    def push(self, media: Packet) -> Iterator[Packet]:
        """A transcript whenever words settle, and every 100 ms how far the sound has been heard."""
        media = self._damage.delay(media)
        self._last = media
        for transcript in self._transcriber.step(media.data, media.t_capture_ns):
            yield self._transcript(media, transcript)
        if self._count % BOUND_BLOCKS == 0:
            yield self._emitter.packet("bound", media)
        self._count += 1

    def end(self) -> Iterator[Packet]:
        """What was still open, and the last packet."""
        if self._last is not None:
            for transcript in self._transcriber.flush():
                yield self._transcript(self._last, transcript)
        yield self._emitter.end(self._start_ns if self._last is None else self._last.t_end_ns)

    def close(self) -> None:
        """Nothing to free."""

    def _transcript(self, cause: Packet, transcript: Transcript) -> Packet:
        transcript = self._damage.mishear(transcript)
        meta: dict[str, Any] = {
            "final": transcript.final,
            "language": transcript.language,
            "words": [[w.text, w.t0_ns, w.t1_ns, w.probability] for w in transcript.words],
        }
        frame = self._timeline.add(transcript)
        values = np.zeros(0, dtype=np.float32)
        if frame is not None:
            values = frame.values
            meta["frame"] = [frame.t_ns, frame.duration_ns, frame.quality]
        span_ns = (transcript.t0_ns, max(transcript.t1_ns - transcript.t0_ns, 0))
        return self._emitter.packet("transcript", cause, values, meta, span_ns)


class TextStage:
    """Transcribes the sound of a recording.

    Args:
        job: what to read, with which weights; `job.asr` is the folder of the Whisper weights.
        models: loaded weights, when several stages share them; None to load them.

    Raises:
        ModelError: weights are missing, damaged or unfit.
    """

    def __init__(self, job: Job, models: TextModels | None = None) -> None:
        torch.set_num_threads(job.settings.threads)
        self._job = job
        self._models = models or load_text(job)

    def packets(self, go: Go) -> Iterator[Packet]:
        """All packets of the recording, see `TextTrack`."""
        job = self._job
        if job.media is None:
            return
        emitter = Emitter("text", job.participant, job.epoch)
        injections = parse_injections(job.inject)
        track = TextTrack(self._models, emitter, job.participant, go.start_ns, injections)
        media = audio_packets(
            job.media, participant=job.participant, start_ns=go.start_ns, epoch=job.epoch
        )
        for block in damage(media, injections):
            yield from track.push(block)
        yield from track.end()
