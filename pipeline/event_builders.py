"""Makes events from what the pipeline found; `events` says what they look like."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from ..models.features import FeatureWindow, Modality, Prediction
from ..models.labels import EMOTIONS
from ..stream.packet import NS_PER_MS
from .events import (
    DropReport,
    EmotionScore,
    FusedReading,
    MeasurementResult,
    MeasurementRevised,
    ModalityReading,
    ModelRef,
    RecoveryReading,
    SensorHealth,
    WindowSpan,
)
from .health import Health
from .window import ClosedWindow
from .window_track import WindowStatistics

DECIMALS: Final = 4
"""Decimals of probabilities and measures, so that tiny differences of arithmetic vanish."""


class Stamp(NamedTuple):
    """What makes an event part of a session: the first two arguments of every builder's event.

    Attributes:
        session_id: which session.
        seq: place of the event in the session, from 0, without holes.
    """

    session_id: str
    seq: int


class Sequencer:
    """Numbers the events of one session in the order in which it is asked."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._next = 0

    def next(self) -> Stamp:
        """The stamp of the next event."""
        stamp = Stamp(self._session_id, self._next)
        self._next += 1
        return stamp


def measurement(
    stamp: Stamp,
    closed: ClosedWindow,
    prediction: Prediction,
    health: Mapping[Modality, Health],
    model: ModelRef,
    latency_ms: Mapping[str, float],
) -> MeasurementResult | MeasurementRevised:
    """The event of one prediction: a result, or a revised one.

    Args:
        stamp: its place in the session.
        closed: the window that was read.
        prediction: what was read from it.
        health: how each modality's stream was doing at the end of the window.
        model: what made the prediction.
        latency_ms: how long the steps took, ms; the only part that differs between equal runs.

    Returns:
        "measurement.result" for revision 0, else "measurement.revised".

    Raises:
        ValueError: the prediction is of another window, or holds values out of range.
    """
    window = closed.window
    if (prediction.t0_ns, prediction.t1_ns) != (window.t0_ns, window.t1_ns):
        raise ValueError(
            f"prediction of [{prediction.t0_ns}, {prediction.t1_ns}] ns given for the window "
            f"[{window.t0_ns}, {window.t1_ns}] ns"
        )
    fields: dict[str, Any] = {
        **stamp._asdict(),
        "revision": closed.revision,
        "participant": window.participant,
        "window": WindowSpan(start_ms=to_ms(window.t0_ns), end_ms=to_ms(window.t1_ns)),
        "fused": _fused(prediction),
        "modalities": {
            modality: _reading(health[modality], window, prediction) for modality in window.values
        },
        "recovery": _recovery(prediction),
        "model": model,
        "latency_ms": {name: round(value, 3) for name, value in latency_ms.items()},
    }
    return MeasurementRevised(**fields) if closed.revision else MeasurementResult(**fields)


def sensor_health(stamp: Stamp, health: Health) -> SensorHealth:
    """The event of one change of health."""
    return SensorHealth(
        session_id=stamp.session_id,
        seq=stamp.seq,
        t_ms=to_ms(health.t_ns),
        participant=health.participant,
        modality=health.modality,
        state=health.state,
        reason=health.reason,
        since_ms=to_ms(health.since_ns),
        evidence={name: rounded(value) for name, value in health.evidence.items()},
    )


def window_drops(
    stamp: Stamp, t_ns: int, participant: str, modality: Modality, counts: WindowStatistics
) -> DropReport:
    """The event of the counters of one modality's windows."""
    return DropReport(
        session_id=stamp.session_id,
        seq=stamp.seq,
        t_ms=to_ms(t_ns),
        participant=participant,
        modality=modality,
        stage="window",
        offered=counts.offered,
        used=counts.used,
        dropped={str(reason): count for reason, count in counts.dropped.items()},
        pending=counts.pending,
    )


def to_ms(t_ns: int) -> int:
    """Whole ms of a session time in ns, rounded down; what precedes the session counts as 0."""
    return max(0, t_ns // NS_PER_MS)


def rounded(value: float) -> float:
    """A measure with `DECIMALS` decimals, never minus zero."""
    return round(float(value), DECIMALS) + 0.0


def _scores(probabilities: Iterable[float]) -> tuple[EmotionScore, ...]:
    return tuple(
        EmotionScore(name=name, probability=rounded(probability))
        for name, probability in zip(EMOTIONS, probabilities, strict=True)
    )


def _fused(prediction: Prediction) -> FusedReading:
    if all(source == "absent" for source in prediction.sources.values()):
        return FusedReading(
            emotions=None, valence=None, arousal=None, confidence=None, abstained=True
        )
    valence, arousal = prediction.valence, prediction.arousal
    return FusedReading(
        emotions=_scores(prediction.probabilities),
        valence=None if valence is None else rounded(valence),
        arousal=None if arousal is None else rounded(arousal),
        confidence=rounded(prediction.confidence),
        abstained=prediction.abstained,
    )


def _recovery(prediction: Prediction) -> RecoveryReading | None:
    note = prediction.recovery
    if note is None:
        return None
    return RecoveryReading(
        steps=note.steps, samples=note.samples, share=rounded(note.share), flag=note.flag
    )


def _reading(health: Health, window: FeatureWindow, prediction: Prediction) -> ModalityReading:
    alone = prediction.unimodal.get(health.modality)
    source, note = prediction.sources[health.modality], prediction.recovery
    guessed = source == "recovered" and note is not None
    return ModalityReading(
        state=health.state,
        reason=health.reason,
        source=source,
        coverage=rounded(window.coverage[health.modality]),
        emotions=None if alone is None else _scores(alone),
        spread=rounded(note.spread[health.modality]) if guessed and note is not None else None,
    )
