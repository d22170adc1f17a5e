from pathlib import Path

from tacit.pipeline.compare import differences
from tacit.pipeline.events import MeasurementResult
from tests.fakes.small_session import packets, run


def test_equal_sessions_differ_nowhere_even_with_other_latency() -> None:
    events = run(packets(2.0))
    slower = [
        e.model_copy(update={"latency_ms": {"predict": 99.0}})
        if isinstance(e, MeasurementResult)
        else e
        for e in events
    ]
    assert list(differences(events, slower)) == []


def test_each_field_that_differs_is_named_with_both_values() -> None:
    events = run(packets(2.0))
    at = next(n for n, e in enumerate(events) if isinstance(e, MeasurementResult))
    result = events[at]
    assert isinstance(result, MeasurementResult)
    fused = result.fused.model_copy(update={"valence": 0.5})
    changed = [*events]
    changed[at] = result.model_copy(update={"fused": fused})
    (found,) = differences(events, changed)
    assert (found.seq, found.field, found.left, found.right) == (at, "fused.valence", 0.25, 0.5)
    assert str(found) == f"event {at}, fused.valence: 0.25 is now 0.5"


def test_an_event_too_many_is_a_difference(tmp_path: Path) -> None:
    events = run(packets(2.0))
    (found,) = differences(events, events[:-1])
    assert (found.seq, found.left, found.right) == (len(events) - 1, "session.closed", None)
