from itertools import pairwise

from tacit.pipeline.health_rules import HealthState
from tacit.pipeline.report.stretches import dropouts, sensor_stretches, steps
from tests.fakes.finished import health, typical
from tests.fakes.long_session import long_session


def test_a_window_stands_for_the_time_since_the_one_before() -> None:
    results = typical().results
    assert steps(results, 500)[:2] == [(2500, 3000), (3000, 3500)]
    holed = [results[0], results[3]]
    assert steps(holed, 500) == [(2500, 3000), (4000, 4500)]
    assert steps([], 500) == []


def test_equal_neighbours_are_one_stretch() -> None:
    found = sensor_stretches(typical().results, "face", 500)
    assert [(s.start_ms, s.end_ms, s.source) for s in found] == [
        (2500, 3500, "measured"),
        (3500, 4000, "recovered"),
        (4000, 4500, "absent"),
        (4500, 5500, "measured"),
    ]


def test_stretches_of_a_whole_session_have_no_hole_and_no_overlap() -> None:
    session = long_session(60)
    for modality in ("audio", "face", "text"):
        found = sensor_stretches(session.results, modality, 500)
        assert found[0].start_ms == 0
        assert found[-1].end_ms == 60_000
        assert all(a.end_ms == b.start_ms for a, b in pairwise(found))


def test_lost_windows_leave_a_hole() -> None:
    results = typical().results
    found = sensor_stretches([results[0], results[4]], "audio", 500)
    assert [(s.start_ms, s.end_ms) for s in found] == [(2500, 3000), (4500, 5000)]


def test_a_dropout_lasts_from_when_it_began_until_the_stream_is_back() -> None:
    (out,) = dropouts(typical().health, 6000)
    assert (out.start_ms, out.end_ms, out.length_ms) == (1000, 3000, 2000)
    assert out.reasons == ("frozen",)
    assert not out.lasting


def test_a_dropout_without_end_lasts_to_the_end_of_the_session() -> None:
    (out,) = dropouts([health(1200, HealthState.LOST, since_ms=1000)], 6000)
    assert out.lasting
    assert out.end_ms == 6000


def test_worse_states_of_one_fault_are_one_dropout() -> None:
    frozen = health(1500, HealthState.LOST, since_ms=1000)
    first = frozen.model_copy(update={"state": HealthState.DEGRADED, "t_ms": 1200})
    (out,) = dropouts([first, frozen, health(3000, HealthState.RECOVERING)], 6000)
    assert out.states == (HealthState.DEGRADED, HealthState.LOST)
    assert out.end_ms == 3000


def test_a_dark_picture_is_measured_and_no_dropout() -> None:
    dark = health(1200, HealthState.DEGRADED).model_copy(update={"reason": "dark"})
    assert dropouts([dark, health(2000, HealthState.OK)], 6000) == []
