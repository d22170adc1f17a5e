"""Speech to words, live: a voice gate, Whisper on the open segment, words settled by agreement.

Nothing reaches the recogniser while nobody speaks, so that it cannot babble over silence or noise.
While somebody speaks it re-reads the segment once a second; when they stop, or after 15 s, the
segment is read a last time and closed. No thread and no clock: the same samples give the same
transcripts, however they are chunked.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import numpy as np

from .agreement import Agreement, Word
from .features import NS_PER_S, Float32
from .voice_activity import HOP, SAMPLE_RATE_HZ, GateConfig, SpeechGate, VoiceActivity

__all__ = ["SpeechModel", "Transcriber", "TranscriberConfig", "Transcript", "Word"]

_ONSET_HOPS: Final = 2
"""A voice is soft when it sets in: so much earlier than it is noticed may a word begin."""
_HOP_NS: Final = HOP * NS_PER_S // SAMPLE_RATE_HZ


class RecognizedWord(Protocol):
    """A word as faster-whisper gives it; times in seconds from the start of the sound."""

    word: str
    start: float
    end: float
    probability: float


class RecognizedSegment(Protocol):
    """A stretch of words as faster-whisper gives it."""

    @property
    def words(self) -> Iterable[RecognizedWord] | None:
        """Words with times, or None where there are none."""
        ...


class RecognitionInfo(Protocol):
    """What faster-whisper says about the whole sound."""

    @property
    def language(self) -> str:
        """ISO 639-1 code."""
        ...


class SpeechModel(Protocol):
    """The part of `faster_whisper.WhisperModel` that is used here."""

    def transcribe(
        self, audio: Float32, /, **options: Any
    ) -> tuple[Iterable[RecognizedSegment], RecognitionInfo]:
        """Recognise (N,) float32 samples at 16 kHz."""
        ...


@dataclass(frozen=True, slots=True)
class TranscriberConfig:
    """Rhythm of a transcriber; lengths in hops of 32 ms.

    Attributes:
        gate: when sound counts as speech.
        pre_roll_hops: sound before the onset that the recogniser hears too.
        post_roll_hops: silence after the last word that it hears too.
        partial_hops: new sound between two readings of an open segment.
        max_segment_hops: longest segment; a longer one is cut where speech is least likely.
        language: ISO 639-1 code, or None to detect it in each segment.
    """

    gate: GateConfig = field(default_factory=GateConfig)
    pre_roll_hops: int = 10
    post_roll_hops: int = 6
    partial_hops: int = 31
    max_segment_hops: int = 468
    language: str | None = None

    def __post_init__(self) -> None:
        if min(self.pre_roll_hops, self.post_roll_hops) < 0 or self.partial_hops < 1:
            raise ValueError("pre- and post-roll must be >= 0 and partial_hops >= 1")
        if self.max_segment_hops <= self.pre_roll_hops + 2 * self.gate.min_speech_hops:
            raise ValueError(f"max_segment_hops {self.max_segment_hops} leaves no room for speech")


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is known of one speech segment at one moment.

    Attributes:
        segment: number of the segment, from 0.
        t0_ns: start of the segment, session clock.
        t1_ns: end of the sound that was read, session clock.
        words: all words of the segment so far.
        committed: how many of the first words are settled; all of them when `final`.
        final: True for the last transcript of its segment.
        language: ISO 639-1 code as detected or set.
    """

    segment: int
    t0_ns: int
    t1_ns: int
    words: tuple[Word, ...]
    committed: int
    final: bool
    language: str

    @property
    def text(self) -> str:
        """The words with spaces between."""
        return " ".join(word.text for word in self.words)


class _Segment:
    """Sound and readings of one open segment."""

    def __init__(
        self, number: int, t0_ns: int, voice_ns: int, hops: list[Float32], speech: list[float]
    ) -> None:
        self.number = number
        self.t0_ns = t0_ns
        self.voice_ns = voice_ns
        self.hops = hops
        self.speech = speech
        self.agreement = Agreement()
        self.language: str | None = None
        self.unread = len(hops)

    def append(self, hop: Float32, speech: float) -> None:
        self.hops.append(hop)
        self.speech.append(speech)
        self.unread += 1


class Transcriber:
    """Feed it the samples of one microphone; it gives transcripts as they settle."""

    def __init__(
        self,
        model: SpeechModel,
        voice: VoiceActivity,
        config: TranscriberConfig | None = None,
    ) -> None:
        self._model = model
        self._voice = voice
        self._config = config or TranscriberConfig()
        self._gate = SpeechGate(self._config.gate)
        self._segments = 0
        self._segment: _Segment | None = None
        self._past: list[tuple[Float32, float]] = []
        self._end_ns = 0
        self._state = voice.initial_state()

    @property
    def speaking(self) -> bool:
        """True while a segment is open."""
        return self._segment is not None

    def step(self, samples: Float32, t_ns: int, *, partials: bool = True) -> list[Transcript]:
        """Take the next samples.

        Sound that does not follow the last (off by more than a hop, either way) closes the open
        segment, because words must not be read across a hole.

        Args:
            samples: (N,) float32 in [-1, 1], 16 kHz mono; NaN and infinities count as 0.
            t_ns: capture time of the first sample, session clock.
            partials: False skips the readings of a segment that goes on, for a recogniser that
                has fallen behind.

        Returns:
            transcripts in order, often none.
        """
        out: list[Transcript] = []
        if abs(t_ns - self._end_ns) > _HOP_NS:
            out += self.flush()
            self._past = []
            self._state = self._voice.initial_state()
        clean = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
        # The gap rule lets jitter up to a hop pass; taking each time anew keeps it from adding up.
        start_ns = t_ns - len(self._state.rest) * NS_PER_S // SAMPLE_RATE_HZ
        self._end_ns = t_ns + len(clean) * NS_PER_S // SAMPLE_RATE_HZ
        stream = np.concatenate([self._state.rest, clean])
        speech, self._state = self._voice.step(clean, self._state)
        for k, probability in enumerate(speech):
            hop_ns = start_ns + k * _HOP_NS
            hop = stream[k * HOP : (k + 1) * HOP].copy()
            out += self._hop(hop, float(probability), hop_ns, partials)
        return out

    def flush(self) -> list[Transcript]:
        """Close the open segment, if any, at the end of a stream or before a hole."""
        out = list(self._close())
        self._gate.reset()
        return out

    def _hop(
        self, hop: Float32, speech: float, hop_ns: int, partials: bool
    ) -> Iterator[Transcript]:
        was_open = self._gate.open
        is_open = self._gate.push(speech)
        segment = self._segment
        if segment is None:
            self._past.append((hop, speech))
            if is_open and not was_open:
                self._open(hop_ns)
            else:
                room = self._config.pre_roll_hops + self._gate.onset_hops
                del self._past[: max(len(self._past) - room, 0)]
            return
        segment.append(hop, speech)
        if not is_open:
            yield from self._close()
        elif len(segment.hops) >= self._config.max_segment_hops:
            yield from self._cut()
        elif (
            partials
            and segment.unread >= self._config.partial_hops
            # In a pause the last reading may be due at once; a partial one would delay it.
            and self._gate.quiet_hops == 0
        ):
            yield self._partial(segment)

    def _open(self, hop_ns: int) -> None:
        heard = self._past[-(self._config.pre_roll_hops + self._gate.onset_hops) :]
        t0_ns = hop_ns - (len(heard) - 1) * _HOP_NS
        before = max(len(heard) - self._gate.onset_hops - _ONSET_HOPS, 0)
        voice_ns = t0_ns + before * _HOP_NS
        hops, speech = [hop for hop, _ in heard], [speech for _, speech in heard]
        self._segment = _Segment(self._segments, t0_ns, voice_ns, hops, speech)
        self._segments += 1
        self._past = []

    def _close(self) -> Iterator[Transcript]:
        segment, self._segment = self._segment, None
        if segment is None:
            return
        quiet = 0
        while quiet < len(segment.speech) and (
            segment.speech[-1 - quiet] < self._config.gate.leave
        ):
            quiet += 1
        keep = len(segment.hops) - max(quiet - self._config.post_roll_hops, 0)
        # What is left out stays at hand as the pre-roll of the next segment.
        self._past = list(zip(segment.hops[keep:], segment.speech[keep:], strict=True))
        yield self._last(segment, keep)

    def _cut(self) -> Iterator[Transcript]:
        segment = self._segment
        if segment is None:
            return
        third = len(segment.speech) // 3
        keep = len(segment.speech) - third + int(np.argmin(segment.speech[-third:]))
        yield self._last(segment, keep)
        t0_ns = segment.t0_ns + keep * _HOP_NS
        self._segment = _Segment(
            self._segments, t0_ns, t0_ns, segment.hops[keep:], segment.speech[keep:]
        )
        self._segments += 1

    def _partial(self, segment: _Segment) -> Transcript:
        segment.unread = 0
        segment.agreement.offer(self._read(segment, len(segment.hops)))
        return self._transcript(segment, len(segment.hops), final=False)

    def _last(self, segment: _Segment, hops: int) -> Transcript:
        segment.agreement.finish(self._read(segment, hops))
        return self._transcript(segment, hops, final=True)

    def _transcript(self, segment: _Segment, hops: int, *, final: bool) -> Transcript:
        return Transcript(
            segment=segment.number,
            t0_ns=segment.t0_ns,
            t1_ns=segment.t0_ns + hops * _HOP_NS,
            words=segment.agreement.words,
            committed=len(segment.agreement.committed),
            final=final,
            language=segment.language or "",
        )

    def _read(self, segment: _Segment, hops: int) -> tuple[Word, ...]:
        sound = np.concatenate(segment.hops[:hops])
        found, info = self._model.transcribe(
            sound,
            language=self._config.language or segment.language,
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            word_timestamps=True,
            vad_filter=False,
        )
        words = tuple(
            _word(word, segment.t0_ns, hops * _HOP_NS)
            for stretch in found
            for word in stretch.words or ()
            if word.word.strip()
        )
        # One language per segment: a second guess could turn the settled words into another one.
        segment.language = segment.language or info.language
        return _from_voice(words, segment.voice_ns)


def _word(word: RecognizedWord, t0_ns: int, length_ns: int) -> Word:
    begin = min(max(round(word.start * NS_PER_S), 0), length_ns)
    end = min(max(round(word.end * NS_PER_S), begin), length_ns)
    probability = min(max(float(word.probability), 0.0), 1.0)
    return Word(word.word.strip(), t0_ns + begin, t0_ns + end, probability)


def _from_voice(words: tuple[Word, ...], voice_ns: int) -> tuple[Word, ...]:
    """Alignment lets the first word begin with the sound, though nobody spoke in the pre-roll."""
    if not words or not words[0].t0_ns < voice_ns < words[0].t1_ns:
        return words
    return (replace(words[0], t0_ns=voice_ns), *words[1:])
