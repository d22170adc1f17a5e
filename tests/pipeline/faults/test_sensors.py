import pytest

from tacit.pipeline.events import SessionReady
from tacit.pipeline.faults.judge import Told
from tacit.pipeline.faults.sensors import SENSOR_FAULTS, FaultError, judge, sensor_faults
from tacit.pipeline.inject import parse_injections
from tacit.pipeline.live.damage import LIVE_KINDS
from tests.pipeline.faults.test_judge import change, result

pytestmark = pytest.mark.unit


def ready(face: tuple[str, str | None] = ("starting", None)) -> Told:
    event = SessionReady.model_validate(
        {
            "session_id": "s",
            "seq": 0,
            "source": "test",
            "anchor_utc": None,
            "participants": ["p1"],
            "purpose": "test",
            "consent": "operator",
            "exception": None,
            "window_ms": 3000,
            "hop_ms": 500,
            "modalities": {
                "face": {"state": face[0], "reason": face[1]},
                "audio": {"state": "starting", "reason": None},
            },
            "model": {"id": "m", "sha256": "0"},
        }
    )
    return Told(0, event)


@pytest.mark.parametrize("name", SENSOR_FAULTS)
def test_every_fault_can_be_done_to_recordings_and_to_live_sessions(name: str) -> None:
    fault = SENSOR_FAULTS[name]
    (injection,) = parse_injections(fault.injection(4, 2.5))
    assert (injection.modality, injection.kind) == (fault.modality, fault.kind)
    assert (injection.t0_ns, injection.t1_ns) == (4_000_000_000, 6_500_000_000)
    assert fault.kind in LIVE_KINDS[fault.modality]


def test_names_are_looked_up_and_wrong_ones_are_told_what_there_is() -> None:
    assert len(sensor_faults("all")) == len(SENSOR_FAULTS)
    assert [f.name for f in sensor_faults("camera-black")] == ["camera-black"]
    with pytest.raises(FaultError, match="'x' is no fault: there are camera-frozen"):
        sensor_faults("x")


def test_a_session_is_judged_by_its_events() -> None:
    told = [ready(), *(result(t, t) for t in range(500, 9001, 500))]
    told += [change(4500, "degraded", "frozen"), change(7040, "recovering")]
    outcome = judge(SENSOR_FAULTS["camera-frozen"], told, 4000, 7000)
    assert (outcome.detected_ms, outcome.recovered_ms, outcome.gap_hops) == (500, 40, 1)
    assert not outcome.failures(SENSOR_FAULTS["camera-frozen"].limits)


def test_a_fault_that_nobody_noticed_fails() -> None:
    told = [ready(), *(result(t, t) for t in range(500, 9001, 500))]
    outcome = judge(SENSOR_FAULTS["camera-frozen"], told, 4000, 7000)
    assert "detected: never" in outcome.failures(SENSOR_FAULTS["camera-frozen"].limits)


def test_a_sensor_that_takes_no_part_is_skipped_with_its_reason() -> None:
    outcome = judge(SENSOR_FAULTS["camera-frozen"], [ready(("disabled", "not_offered"))], 0, 1)
    assert outcome.skipped == "face takes no part: not_offered"
    assert judge(SENSOR_FAULTS["camera-frozen"], [], 0, 1).skipped == "the session never began"
