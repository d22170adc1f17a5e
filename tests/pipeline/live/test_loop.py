"""The live graph in virtual time: real sessions, windows and health between scripted ends."""

import pytest

from tacit.pipeline.live.loop import CLOSING_NS, EngineFailed
from tacit.pipeline.live.pool import StageDown
from tacit.pipeline.supervisor import Death
from tacit.stream.packet import NS_PER_MS, NS_PER_S
from tests.fakes.live import VirtualLive


def ends(live: VirtualLive, name: str = "s1") -> list[int]:
    return [e.window.end_ms for e in live.heard.of(name, "measurement.result")]


def test_windows_come_every_hop_soon_after_they_end() -> None:
    live = VirtualLive()
    live.open()
    live.run(10)
    assert ends(live) == list(range(500, 9501, 500))
    results = live.heard.of("s1", "measurement.result")
    waits = [e.latency_ms["capture_to_result"] for e in results]
    assert max(waits) <= 100 + 30 + 10 + 10 + 10
    assert all(e.modalities["audio"].source == "measured" for e in results)
    assert all(e.modalities["face"].source == "measured" for e in results)


def test_the_steps_of_a_result_add_up_to_the_whole() -> None:
    live = VirtualLive()
    live.open()
    live.run(5)
    for event in live.heard.of("s1", "measurement.result"):
        steps = dict(event.latency_ms)
        whole = steps.pop("capture_to_result")
        assert sum(steps.values()) == pytest.approx(whole, abs=0.01)


def test_a_stream_that_stops_is_flagged_lost_and_comes_back_and_windows_never_stop() -> None:
    live = VirtualLive()
    live.open()
    live.run(4)
    live.sending["s1"] = {"audio"}
    live.run(4)
    live.sending["s1"] = {"audio", "face"}
    live.run(4)
    assert ends(live) == list(range(500, 11_501, 500))
    states = [
        (e.t_ms, e.state) for e in live.heard.of("s1", "sensor.health") if e.modality == "face"
    ]
    degraded = next(t for t, state in states if state == "degraded")
    lost = next(t for t, state in states if state == "lost")
    assert 4000 < degraded <= 4400
    assert lost <= 5000
    assert states[-1][1] == "ok"
    assert states[-1][0] <= 9500
    by_end = {e.window.end_ms: e for e in live.heard.of("s1", "measurement.result")}
    assert by_end[6000].modalities["face"].source == "absent"
    assert by_end[6000].modalities["audio"].source == "measured"
    assert by_end[11_500].modalities["face"].source == "measured"


def test_a_source_that_failed_is_flagged_at_once_and_windows_go_on() -> None:
    live = VirtualLive()
    live.open()
    live.run(4)
    live.sending["s1"] = {"audio"}
    live.run(0.2)
    live.loop.source_failed("s1", "face", ("device_lost", "unplugged"), live.clock.now_ns())
    live.run(3)
    assert ends(live) == list(range(500, 7001, 500))
    lost = [e for e in live.heard.of("s1", "sensor.health") if e.reason == "device_lost"]
    assert [(e.modality, e.state) for e in lost] == [("face", "lost")]
    live.loop.source_failed("gone", "face", ("device_lost", ""), live.clock.now_ns())


def test_with_nothing_measured_it_abstains_at_every_hop() -> None:
    live = VirtualLive()
    live.open()
    live.sending["s1"] = set()
    live.run(6)
    results = live.heard.of("s1", "measurement.result")
    assert [e.window.end_ms for e in results] == list(range(500, 5501, 500))
    assert all(e.fused.abstained and e.fused.emotions is None for e in results)


def test_several_people_have_windows_and_health_of_their_own() -> None:
    live = VirtualLive()
    live.open("s1")
    live.run(1.3)
    live.open("s2")
    live.sending["s2"] = {"audio"}
    live.run(5)
    assert ends(live, "s1") == list(range(500, 6001, 500))
    assert ends(live, "s2") == list(range(500, 4501, 500))
    faces = {
        name: live.heard.of(name, "measurement.result")[-1].modalities["face"].source
        for name in ("s1", "s2")
    }
    assert faces == {"s1": "measured", "s2": "absent"}
    for name in ("s1", "s2"):
        events = live.heard.by_session[name]
        assert [e.seq for e in events] == list(range(len(events)))


def test_a_stage_that_dies_is_named_and_its_sessions_go_on() -> None:
    live = VirtualLive()
    live.open()
    live.run(3)
    live.pool.down = {"face"}
    live.pool.incidents = [StageDown("face", "face worker: killed by signal 9", False)]
    live.run(3)
    live.pool.down = set()
    live.run(4)
    (error,) = live.heard.of("s1", "error")
    assert error.code == "worker_died"
    assert "signal 9" in error.message
    health = [e for e in live.heard.of("s1", "sensor.health") if e.modality == "face"]
    assert ("lost", "worker_died") in [(e.state, e.reason) for e in health]
    assert health[-1].state == "ok"
    assert ends(live) == list(range(500, 9501, 500))
    counts = live.loop.seats["s1"].session.counts["face"]
    assert counts.dropped["stage_down"] > 50
    assert counts.offered == counts.sent + sum(counts.dropped.values())


def test_a_stage_that_is_merely_slow_is_not_lost() -> None:
    live = VirtualLive(delay_ns=200 * NS_PER_MS)
    seat = live.open()
    live.run(8)
    health = live.heard.of("s1", "sensor.health")
    late = [e for e in health if e.t_ms > 2000 and e.state != "ok"]
    assert late == []
    assert 200 * NS_PER_MS <= seat.session.transit_ns <= 300 * NS_PER_MS
    assert set(ends(live)) == set(range(500, 7501, 500))


def test_a_stage_that_lags_for_good_raises_no_alarm_at_every_piece() -> None:
    live = VirtualLive(delay_ns=1500 * NS_PER_MS)
    live.open()
    live.run(15)
    health = [e for e in live.heard.of("s1", "sensor.health") if e.modality == "audio"]
    assert len(health) <= 10


def test_a_stage_that_does_not_keep_up_gets_no_more_than_it_can_hold() -> None:
    live = VirtualLive(delay_ns=5 * NS_PER_S)
    seat = live.open()
    live.run(4)
    assert seat.session.counts["face"].sent == 3
    assert seat.session.counts["audio"].sent == 25
    statistics = seat.handle.statistics()["face"]
    assert statistics.in_flight <= 3
    assert statistics.dropped["overflow"] > 100
    assert ends(live) == list(range(500, 3501, 500))


def test_the_end_waits_for_what_is_in_the_stages_and_gives_the_last_window() -> None:
    live = VirtualLive()
    seat = live.open()
    live.run(3.2)
    live.sending["s1"] = set()
    seat.handle.end("end")
    live.run(1)
    assert live.loop.seats == {}
    closed = live.heard.by_session["s1"][-1]
    assert closed.type == "session.closed"
    assert live.heard.of("s1", "session.closed")[0].reason == "end"
    assert ends(live)[-1] == 3000


def test_an_end_is_not_held_up_by_a_stage_that_says_nothing() -> None:
    live = VirtualLive()
    seat = live.open()
    live.run(2)
    live.pool.down = {"audio", "face"}
    seat.handle.end("interrupted")
    live.run(CLOSING_NS / NS_PER_S + 0.1)
    assert live.loop.seats == {}
    assert live.heard.of("s1", "session.closed")[0].reason == "interrupted"


def test_after_the_end_nothing_more_is_taken() -> None:
    live = VirtualLive()
    seat = live.open()
    live.run(1)
    live.loop.close("error", live.clock.now_ns())
    before = len(live.heard.by_session["s1"])
    live._feed(seat, 0)
    live.run(0.5)
    assert len(live.heard.by_session["s1"]) == before


def test_a_recognizer_that_stays_down_ends_the_engine() -> None:
    live = VirtualLive()
    live.open()
    live.run(1)
    live.reader.dead = [Death("recognizer", "recognizer worker: exit code 3", True)]
    with pytest.raises(EngineFailed, match="exit code 3"):
        live.run(0.1)


def test_viewers_are_shown_where_the_face_is() -> None:
    live = VirtualLive()
    live.open()
    live.run(1)
    faces = [v for v in live.heard.seen if v["type"] == "view.face"]
    assert faces
    assert faces[0]["outline"] == [[0.5, 0.5]]
    levels = [v for v in live.heard.seen if v["type"] == "view.level"]
    assert [v["db"] for v in levels] == [-20.0] * 4
    packets = [p for p in live.pool.taken if p.modality == "audio"]
    assert all("outline" not in p.meta for p in packets)


def test_overload_is_said_and_sheds_what_can_be_spared() -> None:
    live = VirtualLive(delay_ns=300 * NS_PER_MS)
    live.open()
    live.run(9)
    codes = [e.code for e in live.heard.of("s1", "error")]
    assert codes == ["overload.views", "overload.recovery", "overload.face_rate"]
    assert all(not e.fatal for e in live.heard.of("s1", "error"))
    faces = [p for p in live.pool.taken if p.modality == "face" and p.kind == "media"]
    assert "outline" in faces[0].meta
    assert "rest" not in faces[0].meta
    assert "outline" not in faces[-1].meta
    assert faces[-1].meta["rest"] is True
    live.sending["s1"] = {"audio"}
    live.run(0.5)
    live.sending["s1"] = {"audio", "face"}
    live.run(1.5)
    live.reader.windows.clear()
    live.run(1)
    assert all(not window.lost for window in live.reader.windows)
    assert ends(live)[-1] >= 10_500
