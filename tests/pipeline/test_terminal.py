import io

from rich.console import Console

from tacit.pipeline.events import (
    ErrorEvent,
    Event,
    MeasurementResult,
    SensorHealth,
    TranscriptFinal,
    read_event,
)
from tacit.pipeline.health_rules import HealthState
from tacit.pipeline.terminal import LiveView, PlainView, describe

NAMES = ("neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise")


def scores(top: str, share: float) -> list[dict[str, object]]:
    rest = round((1 - share) / 6, 4)
    return [{"name": n, "probability": share if n == top else rest} for n in NAMES]


def measurement(*, measured: bool = True, abstained: bool = False) -> MeasurementResult:
    emotions = scores("happiness", 0.7)
    part = {
        "state": "ok",
        "reason": None,
        "source": "measured" if measured else "absent",
        "coverage": 1.0 if measured else 0.0,
        "emotions": emotions if measured else None,
    }
    event = MeasurementResult.model_validate(
        {
            "session_id": "s",
            "seq": 1,
            "participant": "p1",
            "window": {"start_ms": 500, "end_ms": 3500},
            "fused": {
                "emotions": emotions if measured else None,
                "valence": 0.4 if measured else None,
                "arousal": 0.2 if measured else None,
                "confidence": 0.7 if measured else None,
                "abstained": abstained or not measured,
            },
            "modalities": {"audio": part, "face": part, "text": part},
            "model": {"id": "m", "sha256": "0"},
            "latency_ms": {},
        }
    )
    return event


def health(state: str, reason: str | None) -> SensorHealth:
    return SensorHealth(
        session_id="s",
        seq=0,
        t_ms=2550,
        participant="p1",
        modality="face",
        state=HealthState(state),
        reason=reason,
        since_ms=2000,
        evidence={},
    )


def fields(event: Event) -> dict[str, object]:
    return event.model_dump(mode="json")


def test_a_result_is_one_line_with_its_sources() -> None:
    line = describe(fields(measurement()))
    assert "0.5– 3.5 s" in line
    assert "happiness 0.70" in line
    assert "valence +0.40 arousal +0.20" in line
    assert "face:measured" in line
    assert "unsure" not in line
    assert "unsure" in describe(fields(measurement(abstained=True)))


def test_nothing_measured_names_no_emotion() -> None:
    line = describe(fields(measurement(measured=False)))
    assert "nothing measured" in line
    assert not any(name in line for name in NAMES)


def test_health_words_and_errors_are_lines_too() -> None:
    assert describe(fields(health("lost", "frozen"))).strip() == "2.5 s  face is lost (frozen)"
    assert describe(fields(health("ok", None))).endswith("face is ok")
    error = ErrorEvent(
        session_id="s", seq=0, t_ms=1, code="worker_died", message="face worker", fatal=False
    )
    assert describe(fields(error)) == "error worker_died: face worker"
    said = TranscriptFinal(
        session_id="s",
        seq=0,
        participant="p1",
        start_ms=1000,
        end_ms=2000,
        text="hello",
        language="en",
        words=(),
    )
    assert "hello" in describe(fields(said))


def test_the_plain_view_prints_a_line_per_event() -> None:
    out = io.StringIO()
    view = PlainView(Console(file=out, width=60))
    view.write(measurement())
    view.write(health("lost", "frozen"))
    view.close()
    assert len(out.getvalue().splitlines()) == 2


def test_the_live_view_shows_bars_lights_and_notes() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, height=40)
    view = LiveView(console, duration_ms=5000)
    view.write(health("lost", "frozen"))
    view.write(measurement())
    view.close()
    text = out.getvalue()
    assert "happiness" in text
    assert "█" in text
    assert "lost" in text
    assert "face is lost (frozen)" in text
    assert "not of what is felt" in text


def test_events_used_here_are_valid_events() -> None:
    for event in (measurement(), health("ok", None)):
        assert read_event(event.model_dump_json()) == event
