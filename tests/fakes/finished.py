"""Finished sessions of a few windows, made of real events."""

from collections.abc import Iterable
from pathlib import Path

from tacit.models.features import MODALITIES, Modality, Source
from tacit.models.labels import EMOTIONS, Emotion
from tacit.pipeline.events import (
    AnyEvent,
    EmotionScore,
    FusedReading,
    MeasurementResult,
    MeasurementRevised,
    ModalityReading,
    ModalityStart,
    ModelRef,
    SensorHealth,
    SessionClosed,
    SessionReady,
    TranscriptFinal,
    WindowSpan,
    Word,
    to_json_line,
)
from tacit.pipeline.health_rules import HealthState
from tacit.pipeline.sessions import SessionData

MODEL = ModelRef(id="tacit-fusion", sha256="ab" * 32)
MEASURED: dict[Modality, Source] = {"audio": "measured", "face": "measured", "text": "absent"}
HOP_MS = 500
WINDOW_MS = 3000


def scores(leading: Emotion, probability: float = 0.7) -> tuple[EmotionScore, ...]:
    """Seven probabilities, one of which leads."""
    rest = round((1 - probability) / (len(EMOTIONS) - 1), 4)
    return tuple(
        EmotionScore(name=name, probability=probability if name == leading else rest)
        for name in EMOTIONS
    )


def result(
    start_ms: int,
    leading: Emotion = "happiness",
    sources: dict[Modality, Source] | None = None,
    *,
    participant: str = "p1",
    revision: int = 0,
    valence: float = 0.4,
) -> MeasurementResult | MeasurementRevised:
    """One window; without any measured modality nothing is claimed for it."""
    sources = MEASURED if sources is None else sources
    known = "measured" in sources.values()
    fields = {
        "session_id": "talk",
        "seq": 0,
        "revision": revision,
        "participant": participant,
        "window": WindowSpan(start_ms=start_ms, end_ms=start_ms + WINDOW_MS),
        "fused": FusedReading(
            emotions=scores(leading) if known else None,
            valence=valence if known else None,
            arousal=-0.2 if known else None,
            confidence=0.7 if known else None,
            abstained=not known,
        ),
        "modalities": {name: _reading(sources[name], leading) for name in sources},
        "model": MODEL,
        "latency_ms": {"predict": 1.5},
    }
    kind = MeasurementRevised if revision else MeasurementResult
    return kind.model_validate(fields)


def _reading(source: Source, leading: Emotion) -> ModalityReading:
    return ModalityReading(
        state=HealthState.OK if source == "measured" else HealthState.LOST,
        reason=None if source == "measured" else "no_data",
        source=source,
        coverage=1.0 if source == "measured" else 0.0,
        emotions=None if source == "absent" else scores(leading),
        spread=0.2 if source == "recovered" else None,
    )


def ready(*participants: str, source: str = "talk.mp4") -> SessionReady:
    """The first event."""
    return SessionReady(
        session_id="talk",
        seq=0,
        source=source,
        anchor_utc=None,
        participants=participants or ("p1",),
        window_ms=WINDOW_MS,
        hop_ms=HOP_MS,
        modalities={m: ModalityStart(state=HealthState.STARTING, reason=None) for m in MODALITIES},
        model=MODEL,
        purpose="test",
        consent="c1",
        exception=None,
    )


def health(
    t_ms: int, state: HealthState, modality: Modality = "face", since_ms: int | None = None
) -> SensorHealth:
    """One change of a stream's state."""
    return SensorHealth(
        session_id="talk",
        seq=0,
        t_ms=t_ms,
        participant="p1",
        modality=modality,
        state=state,
        reason="frozen" if state is HealthState.LOST else None,
        since_ms=t_ms if since_ms is None else since_ms,
        evidence={},
    )


def said(start_ms: int, end_ms: int, text: str) -> TranscriptFinal:
    """Words that stay."""
    word = Word(text=text, start_ms=start_ms, end_ms=end_ms, probability=0.9)
    return TranscriptFinal(
        session_id="talk",
        seq=0,
        participant="p1",
        start_ms=start_ms,
        end_ms=end_ms,
        text=text,
        language="en",
        words=(word,),
    )


def closed(t_ms: int, windows: int) -> SessionClosed:
    """The last event."""
    return SessionClosed(session_id="talk", seq=0, t_ms=t_ms, reason="end", windows=windows)


def finished(events: Iterable[AnyEvent], media: Path | None = None) -> SessionData:
    """A session of these events, numbered in their order."""
    numbered = [event.model_copy(update={"seq": seq}) for seq, event in enumerate(events)]
    return SessionData(Path("talk.jsonl"), numbered, {}, media)


def typical(media: Path | None = None) -> SessionData:
    """Six windows of p1: whole ones, one with a recovered face, one with nothing, a revised one."""
    return finished(
        [
            ready(),
            result(0, "happiness"),
            result(500, "happiness"),
            health(1200, HealthState.LOST, since_ms=1000),
            said(1200, 2100, "what a day"),
            result(1000, "sadness", {"audio": "measured", "face": "recovered", "text": "absent"}),
            result(1500, "sadness", {"audio": "absent", "face": "absent", "text": "absent"}),
            health(3000, HealthState.OK),
            result(2000, "anger"),
            result(2500, "anger"),
            result(500, "neutral", revision=1),
            closed(6000, 6),
        ],
        media,
    )


def write_events(session: SessionData, path: Path) -> Path:
    """The events of a session as a JSONL file, which `load_session` reads."""
    path.write_text("".join(to_json_line(e) + "\n" for e in session.events), "utf-8")
    return path
