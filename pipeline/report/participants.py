"""What a session says about each of its participants, in figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...models.features import MODALITIES, Modality
from ...models.labels import EMOTIONS, Emotion
from ..events import MeasurementRevised, SessionClosed, SessionReady
from ..sessions import SessionData
from .stretches import Dropout, Result, dropouts


@dataclass(frozen=True, slots=True)
class Participant:
    """One participant's session in figures; None stands for what was never measured.

    Attributes:
        name: as the session has it.
        results: the latest reading of each window, by time.
        measured: per modality, the share of windows in which it was measured.
        recovered: per modality, the share of windows in which it was guessed from the others.
        claimed: share of windows for which an emotion is claimed.
        means: mean probability of each emotion over the windows with a reading.
        valence: mean valence in [-1, 1].
        arousal: mean arousal in [-1, 1].
        revisions: how many better readings replaced earlier ones.
        dropouts: when a sensor was out.
    """

    name: str
    results: Sequence[Result]
    measured: Mapping[Modality, float]
    recovered: Mapping[Modality, float]
    claimed: float
    means: Mapping[Emotion, float] | None
    valence: float | None
    arousal: float | None
    revisions: int
    dropouts: Sequence[Dropout]


def participants(session: SessionData) -> list[Participant]:
    """Everyone in the session who was measured or announced, in the order of the session."""
    ready = ready_event(session)
    by_name: dict[str, list[Result]] = {p: [] for p in (ready.participants if ready else ())}
    for result in session.results:
        by_name.setdefault(result.participant, []).append(result)
    out = dropouts(session.health, end_ms(session))
    revisions = [e.participant for e in session.events if isinstance(e, MeasurementRevised)]
    return [
        _participant(
            name, results, revisions.count(name), [d for d in out if d.participant == name]
        )
        for name, results in by_name.items()
    ]


def ready_event(session: SessionData) -> SessionReady | None:
    """The session's first event, unless the file has lost it."""
    return next((e for e in session.events if isinstance(e, SessionReady)), None)


def end_ms(session: SessionData) -> int:
    """End of the session: as it says itself, or its last window."""
    closed = [e.t_ms for e in session.events if isinstance(e, SessionClosed)]
    windows = [r.window.end_ms for r in session.results]
    return max([0, *closed, *windows])


def hop_ms(session: SessionData) -> int:
    """Distance of windows, ms."""
    ready = ready_event(session)
    return ready.hop_ms if ready and ready.hop_ms else 500


def _participant(
    name: str, results: Sequence[Result], revisions: int, out: Sequence[Dropout]
) -> Participant:
    return Participant(
        name=name,
        results=results,
        measured={m: _share(results, m, "measured") for m in MODALITIES},
        recovered={m: _share(results, m, "recovered") for m in MODALITIES},
        claimed=_mean([float(not r.fused.abstained) for r in results]) or 0.0,
        means=_mean_emotions(results),
        valence=_mean([r.fused.valence for r in results if r.fused.valence is not None]),
        arousal=_mean([r.fused.arousal for r in results if r.fused.arousal is not None]),
        revisions=revisions,
        dropouts=out,
    )


def _share(results: Sequence[Result], modality: Modality, source: str) -> float:
    readings = [r.modalities.get(modality) for r in results]
    return _mean([float(r is not None and r.source == source) for r in readings]) or 0.0


def _mean_emotions(results: Sequence[Result]) -> Mapping[Emotion, float] | None:
    found: dict[Emotion, list[float]] = {name: [] for name in EMOTIONS}
    for result in results:
        for score in result.fused.emotions or ():
            found[score.name].append(score.probability)
    if not all(found.values()):
        return None
    return {name: sum(values) / len(values) for name, values in found.items()}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
