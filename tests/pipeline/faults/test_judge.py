import pytest

from tacit.pipeline.events import (
    DropReport,
    FusedReading,
    MeasurementResult,
    ModelRef,
    SensorHealth,
    WindowSpan,
)
from tacit.pipeline.faults.judge import (
    Told,
    drops_of,
    first_change,
    gap_hops,
    health_of,
    is_used,
    missing_windows,
)
from tacit.pipeline.health_rules import HealthState

pytestmark = pytest.mark.unit


def change(at_ms: float, state: str, reason: str | None = None) -> Told:
    event = SensorHealth(
        session_id="s",
        seq=0,
        t_ms=round(at_ms),
        participant="p1",
        modality="face",
        state=HealthState(state),
        reason=reason,
        since_ms=0,
        evidence={},
    )
    return Told(at_ms, event)


def result(at_ms: float, end_ms: int) -> Told:
    event = MeasurementResult(
        session_id="s",
        seq=0,
        participant="p1",
        window=WindowSpan(start_ms=0, end_ms=end_ms),
        fused=FusedReading(
            emotions=None, valence=None, arousal=None, confidence=None, abstained=True
        ),
        modalities={},
        model=ModelRef(id="m", sha256="0"),
        latency_ms={},
    )
    return Told(at_ms, event)


def test_the_first_wanted_change_after_a_moment_counts() -> None:
    told = [change(100, "degraded", "dark"), change(900, "degraded", "frozen"), change(950, "lost")]
    wanted = first_change(told, "face", 500, lambda c: c.reason == "frozen")
    assert wanted == 400
    assert first_change(told, "audio", 0, lambda c: True) is None
    assert first_change(told, "face", 951, lambda c: True) is None
    assert [at for at, _ in health_of(told, "face")] == [100, 900, 950]


@pytest.mark.parametrize(
    ("state", "reason", "used"),
    [
        ("ok", None, True),
        ("recovering", None, True),
        ("degraded", "dark", True),
        ("degraded", "low_rate", True),
        ("degraded", "frozen", False),
        ("degraded", "no_data", False),
        ("lost", "no_data", False),
        ("muted", "silent", False),
    ],
)
def test_blemished_sensors_are_used_and_faulty_ones_are_not(
    state: str, reason: str | None, used: bool
) -> None:
    event = change(0, state, reason).event
    assert isinstance(event, SensorHealth)
    assert is_used(event) is used


def test_gaps_reach_to_the_results_before_and_after_the_stretch() -> None:
    told = [result(t, t) for t in (1000, 1500, 2000, 3250, 3750)]
    assert gap_hops(told, 2100, 3000, 500) == 2.5
    assert gap_hops(told, 1400, 1600, 500) == 1.0
    assert gap_hops(told[:1], 0, 9000, 500) is None


def test_missing_windows_are_counted_between_the_first_and_the_last() -> None:
    told = [result(0, end_ms) for end_ms in (500, 1000, 2500, 3000)]
    assert missing_windows(told, 500) == 2
    assert missing_windows([], 500) == 0


def test_drops_are_those_of_the_last_report_of_each_stage() -> None:
    def report(stage: str, late: int) -> Told:
        event = DropReport(
            session_id="s",
            seq=0,
            t_ms=0,
            participant="p1",
            modality="face",
            stage=stage,
            offered=10,
            used=10 - late,
            dropped={"late": late},
            pending=0,
        )
        return Told(0, event)

    told = [report("window", 1), report("window", 3), report("stage", 2)]
    assert drops_of(told) == {"late": 5}
    assert drops_of(told, "audio") == {}
