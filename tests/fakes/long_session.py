"""Sessions of any length with everything that a report shows, made of real events."""

import math
from collections.abc import Iterator
from itertools import pairwise

from tacit.models.features import MODALITIES, Modality, Source
from tacit.models.labels import EMOTIONS
from tacit.pipeline.events import (
    AnyEvent,
    EmotionScore,
    FusedReading,
    MeasurementResult,
    MeasurementRevised,
    ModalityReading,
    SensorHealth,
    TranscriptFinal,
    WindowSpan,
    Word,
)
from tacit.pipeline.health_rules import HealthState
from tacit.pipeline.sessions import SessionData

from .finished import HOP_MS, MODEL, WINDOW_MS, closed, finished, ready

SENTENCE = "well I had not thought that it would be so good to see all of you here again today"
WORDS = SENTENCE.split()
PHRASE_MS = 6000


def long_session(seconds: int, *names: str) -> SessionData:
    """A session in which the face freezes, the voice is muted, and the words come and go.

    Args:
        seconds: its length, a multiple of 10.
        names: the participants; p1 without any.
    """
    people = names or ("p1",)
    events: list[AnyEvent] = [ready(*people)]
    for shift, person in enumerate(people):
        events += [*_health(person, seconds), *_said(person, seconds, shift)]
        events += [_window(person, end, shift) for end in range(HOP_MS, seconds * 1000 + 1, HOP_MS)]
    events.append(closed(seconds * 1000, seconds * 1000 // HOP_MS))
    return finished(events)


def _face(t_ms: int) -> tuple[HealthState, str | None, Source]:
    match t_ms % 60_000:
        case t if 12_000 < t <= 19_000:
            return HealthState.LOST, "frozen", "recovered" if t > 15_000 else "absent"
        case t if 40_000 < t <= 46_000:
            return HealthState.DEGRADED, "dark", "measured"
        case _:
            return HealthState.OK, None, "measured"


def _audio(t_ms: int) -> tuple[HealthState, str | None, Source]:
    if 17_000 < t_ms % 60_000 <= 21_000 or 50_000 < t_ms % 60_000 <= 53_000:
        return HealthState.MUTED, "silent", "absent"
    return HealthState.OK, None, "measured"


def _text(t_ms: int) -> tuple[HealthState, str | None, Source]:
    return HealthState.OK, None, "measured" if 2000 < t_ms % 10_000 <= 8000 else "absent"


_CONDITION = {"audio": _audio, "face": _face, "text": _text}


def _probabilities(t_s: float, sharpness: float) -> tuple[EmotionScore, ...]:
    raw = [math.exp(sharpness * math.sin(t_s / (9 + 4 * k) + 2.1 * k)) for k in range(7)]
    return tuple(
        EmotionScore(name=name, probability=round(value / sum(raw), 4))
        for name, value in zip(EMOTIONS, raw, strict=True)
    )


def _window(person: str, end_ms: int, shift: int) -> MeasurementResult | MeasurementRevised:
    t_s = end_ms / 1000 + 7 * shift
    conditions = {m: _CONDITION[m](end_ms) for m in MODALITIES}
    known = any(source == "measured" for *_, source in conditions.values())
    scores = _probabilities(t_s, 2.2)
    best = max(s.probability for s in scores)
    fields = {
        "session_id": "long",
        "seq": 0,
        "revision": int(end_ms % 10_000 == 4000),
        "participant": person,
        "window": WindowSpan(start_ms=max(0, end_ms - WINDOW_MS), end_ms=end_ms),
        "fused": FusedReading(
            emotions=scores if known else None,
            valence=round(0.7 * math.sin(t_s / 11), 4) if known else None,
            arousal=round(0.5 * math.cos(t_s / 7), 4) if known else None,
            confidence=best if known else None,
            abstained=not known or best < 0.3,
        ),
        "modalities": {m: _reading(m, condition, t_s) for m, condition in conditions.items()},
        "model": MODEL,
        "latency_ms": {},
    }
    kind = MeasurementRevised if fields["revision"] else MeasurementResult
    return kind.model_validate(fields)


def _reading(
    modality: Modality, condition: tuple[HealthState, str | None, Source], t_s: float
) -> ModalityReading:
    state, reason, source = condition
    alone = _probabilities(t_s + MODALITIES.index(modality), 1.2 + MODALITIES.index(modality))
    return ModalityReading(
        state=state,
        reason=reason,
        source=source,
        coverage=float(source == "measured"),
        emotions=None if source == "absent" else alone,
        spread=0.2 if source == "recovered" else None,
    )


def _health(person: str, seconds: int) -> Iterator[SensorHealth]:
    for modality in MODALITIES:
        before = None
        for end_ms in range(HOP_MS, seconds * 1000 + 1, HOP_MS):
            state, reason, _ = _CONDITION[modality](end_ms)
            if state is not before:
                yield SensorHealth(
                    session_id="long",
                    seq=0,
                    t_ms=end_ms,
                    participant=person,
                    modality=modality,
                    state=state,
                    reason=reason,
                    since_ms=end_ms - HOP_MS,
                    evidence={},
                )
            before = state


def _said(person: str, seconds: int, shift: int) -> Iterator[TranscriptFinal]:
    for start_ms in range(2000 + 300 * shift, seconds * 1000 - PHRASE_MS, 10_000):
        count = 8 + start_ms // 10_000 % (len(WORDS) - 7)
        edges = [start_ms + PHRASE_MS * i // count for i in range(count + 1)]
        words = tuple(
            Word(text=text, start_ms=t0, end_ms=t1, probability=0.9)
            for text, (t0, t1) in zip(WORDS[:count], pairwise(edges), strict=True)
        )
        yield TranscriptFinal(
            session_id="long",
            seq=0,
            participant=person,
            start_ms=start_ms,
            end_ms=start_ms + PHRASE_MS,
            text=" ".join(w.text for w in words),
            language="en",
            words=words,
        )
