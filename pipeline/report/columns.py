"""A participant's windows as columns of numbers, which the page's script draws."""

from collections.abc import Sequence
from typing import Any, Final

from ...models.features import MODALITIES
from ...models.labels import EMOTIONS, Emotion
from .participants import Participant
from .stretches import Result, Stretch, sensor_stretches, steps
from .wording import SENSORS, STATES, reason_in_words, why_unmeasured

_DECIMALS: Final = 3


def columns(participant: Participant, hop_ms: int) -> dict[str, Any]:
    """Everything that the page draws of one participant.

    Args:
        participant: whose windows.
        hop_ms: distance of windows.

    Returns:
        JSON-ready columns, one entry per window: `from`, `to` (ms it stands for), `windows` (start
        of the window that was read, ms), `emotions` with per emotion `p` (probability), `low` and
        `high` (the least and the most that any reading of the window says: all modalities together,
        or one alone), `valence`, `arousal`, `confidence`, `abstained`, `revision`; `leads`, per
        modality what leads there; and `sensors`, per modality its stretches. null is not measured.
    """
    results = participant.results
    spans = steps(results, hop_ms)
    return {
        "name": participant.name,
        "from": [start for start, _ in spans],
        "to": [end for _, end in spans],
        "windows": [r.window.start_ms for r in results],
        "emotions": {name: _emotion(results, i) for i, name in enumerate(EMOTIONS)},
        "valence": [_short(r.fused.valence) for r in results],
        "arousal": [_short(r.fused.arousal) for r in results],
        "confidence": [_short(r.fused.confidence) for r in results],
        "abstained": [int(r.fused.abstained) for r in results],
        "revision": [r.revision for r in results],
        "leads": {m: [_lead(r, m) for r in results] for m in MODALITIES},
        "sensors": {
            m: [_stretch(s) for s in sensor_stretches(results, m, hop_ms)] for m in MODALITIES
        },
    }


def alone_range(result: Result, index: int) -> tuple[float, float] | None:
    """Least and most probability that a reading of the window gives one emotion.

    Args:
        result: the window.
        index: place of the emotion in `EMOTIONS`.

    Returns:
        (least, most) over the fused reading and each measured modality alone; None when nothing
        was measured. Recovered modalities are guesses and don't widen it.
    """
    if result.fused.emotions is None:
        return None
    said = [result.fused.emotions[index].probability]
    said += [
        reading.emotions[index].probability
        for reading in result.modalities.values()
        if reading.emotions is not None and reading.source == "measured"
    ]
    return min(said), max(said)


def leading(result: Result) -> tuple[Emotion, float] | None:
    """The most probable emotion of a window with its probability; None without a reading."""
    if result.fused.emotions is None:
        return None
    best = max(result.fused.emotions, key=lambda score: score.probability)
    return best.name, best.probability


def _emotion(results: Sequence[Result], index: int) -> dict[str, list[float | None]]:
    ranges = [alone_range(r, index) for r in results]
    fused = [r.fused.emotions for r in results]
    return {
        "p": [None if f is None else _short(f[index].probability) for f in fused],
        "low": [None if r is None else _short(r[0]) for r in ranges],
        "high": [None if r is None else _short(r[1]) for r in ranges],
    }


def _lead(result: Result, modality: Any) -> list[float | int] | None:
    reading = result.modalities.get(modality)
    if reading is None or reading.emotions is None:
        return None
    shares = [score.probability for score in reading.emotions]
    best = max(range(len(shares)), key=shares.__getitem__)
    return [best, round(shares[best], 2)]


def _stretch(stretch: Stretch) -> dict[str, Any]:
    return {
        "from": stretch.start_ms,
        "to": stretch.end_ms,
        "state": stretch.state.value,
        "source": stretch.source,
        "words": stretch_in_words(stretch),
    }


def stretch_in_words(stretch: Stretch) -> str:
    """What a stretch means, in a sentence without its end."""
    sensor = SENSORS[stretch.modality]
    if stretch.source == "measured":
        state = "" if stretch.state.value == "ok" else f", {STATES[stretch.state]}"
        why = reason_in_words(stretch.reason)
        return f"{sensor} measured{state}{f': {why}' if why else ''}"
    why = why_unmeasured(stretch.modality, stretch.reason)
    if stretch.source == "recovered":
        return f"{sensor} guessed from the other sensors, not measured: {why}"
    return f"{sensor} not measured: {why}"


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)
