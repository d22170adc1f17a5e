import pytest

from tacit.pipeline.health import HealthMonitor
from tacit.pipeline.health_rules import HealthState
from tacit.pipeline.quality import Quality, QualityFlag
from tacit.stream.packet import Modality
from tests.fakes.played_stream import (
    BLACK,
    CLIPPED,
    DARK,
    GOOD,
    MS,
    NO_FACE,
    QUIET,
    Play,
    S,
    frozen,
    silent,
)


@pytest.mark.parametrize("fps", [30, 29.97, 25, 10])
def test_freeze_is_degraded_then_lost_then_ok_in_time(fps: float) -> None:
    play = Play(interval_ns=round(S / fps))
    play.send(GOOD, 2.0)
    start = play.now_ns / S
    play.freeze(start + 2)
    back = play.now_ns / S
    play.send(GOOD, back + 2)
    ok, degraded, lost, recovering, again = play.rows
    assert ok == ("ok", None, 0.0, 0.0)
    assert degraded[:2] == ("degraded", "frozen")
    assert degraded[2] <= start + 0.6
    assert degraded[3] == start
    assert (lost[:2], lost[3]) == (("lost", "frozen"), start)
    assert lost[2] == pytest.approx(start + 0.8)
    assert recovering == ("recovering", None, back, back)
    assert again[:2] == ("ok", None)
    assert again[2] == pytest.approx(back + 4 / fps)
    assert play.monitor.usable("face")


@pytest.mark.parametrize(("fps", "limit_s"), [(30, 0.1834), (25, 0.19), (10, 0.3), (15, 0.2167)])
def test_missing_pictures_follow_the_freeze_rule_of_webrtc(fps: int, limit_s: float) -> None:
    play = Play(interval_ns=S // fps)
    play.send(GOOD, 2.0)
    last = (play.now_ns - play.interval_ns) / S
    play.pause(4.0)
    _, degraded, lost = play.rows
    assert degraded[:2] == ("degraded", "no_data")
    assert degraded[2] == pytest.approx(last + limit_s, abs=2e-4)
    assert degraded[3] == pytest.approx(last + 1 / fps, abs=1e-6)
    assert lost[:2] == ("lost", "no_data")
    assert lost[2] <= last + 1.0


def test_missing_sound_is_degraded_in_a_sixth_of_a_second() -> None:
    play = Play("audio", 20 * MS)
    play.send(GOOD, 2.0).pause(4.0)
    assert play.rows == [
        ("ok", None, 0.02, 0.0),
        ("degraded", "no_data", 2.15, 2.0),
        ("lost", "no_data", 2.8, 2.0),
    ]


def test_muted_sound_is_muted_and_lost_only_when_samples_stop() -> None:
    play = Play("audio", 20 * MS)
    play.send(GOOD, 2.0).send(GOOD, 2.48).send(silent(2 * S), 6.0)
    assert play.rows[1:] == [("muted", "silent", 2.5, 2.0)]
    assert not play.monitor.usable("audio")
    play.pause(8.0)
    assert play.rows[2:] == [("lost", "no_data", 6.8, 6.0)]


def test_unmuted_sound_is_ok_after_five_blocks() -> None:
    play = Play("audio", 20 * MS).send(GOOD, 2.0).send(silent(2 * S), 3.0).send(GOOD, 3.5)
    assert play.rows[2:] == [("recovering", None, 3.02, 3.0), ("ok", None, 3.1, 3.1)]


def test_a_quiet_room_is_ok() -> None:
    play = Play("audio", 20 * MS).send(GOOD, 1).send(QUIET, 20)
    assert play.states == [("ok", None)]
    assert play.monitor.usable("audio")


@pytest.mark.parametrize(("quality", "reason"), [(NO_FACE, "no_face"), (BLACK, "black")])
@pytest.mark.parametrize("fps", [30, 10])
def test_no_face_and_black_are_flagged_within_half_a_second(
    quality: Quality, reason: str, fps: int
) -> None:
    play = Play(interval_ns=S // fps).send(GOOD, 2.0)
    start = play.now_ns / S
    play.send(quality, start + 2)
    _, degraded, lost = play.rows
    assert degraded[:2] == ("degraded", reason)
    assert start < degraded[2] <= start + 0.5
    assert degraded[3] == start
    assert (lost[:2], lost[3]) == (("lost", reason), start)
    assert lost[2] == pytest.approx(start + 0.8)


def test_a_missed_face_now_and_then_is_no_event() -> None:
    play = Play().send(GOOD, 1)
    for k in range(20):
        play.send(NO_FACE, 1 + k * 0.7 + 0.3).send(GOOD, 1 + k * 0.7 + 0.7)
        assert play.monitor.usable("face")
    assert play.states == [("ok", None)]


def test_clipped_sound_is_degraded_but_never_lost() -> None:
    play = Play("audio", 20 * MS).send(GOOD, 2.0).send(CLIPPED, 20).send(GOOD, 23)
    assert play.states == [("ok", None), ("degraded", "clipped"), ("ok", None)]
    assert play.changes[2].t_ns - 20 * S <= 2 * S


def test_a_dark_room_is_degraded_and_measured() -> None:
    play = Play().send(GOOD, 2).send(DARK, 5)
    assert play.states[1:] == [("degraded", "dark")]
    assert play.monitor.usable("face")


@pytest.mark.parametrize(
    ("flag", "modality", "state"),
    [
        (QualityFlag.NONFINITE, "audio", "degraded"),
        (QualityFlag.STUCK, "audio", "degraded"),
        (QualityFlag.OVERFLOW, "audio", "degraded"),
        (QualityFlag.NOISY, "audio", "degraded"),
        (QualityFlag.NOISY, "face", "degraded"),
        (QualityFlag.TWO_FACES, "face", "degraded"),
        (QualityFlag.BLURRED, "face", "degraded"),
        (QualityFlag.LATE, "text", "degraded"),
        (QualityFlag.BABBLE, "text", "degraded"),
    ],
)
def test_every_other_finding_is_told_with_its_reason(
    flag: QualityFlag, modality: Modality, state: str
) -> None:
    interval_ns = {"audio": 20 * MS, "face": S // 30, "text": 100 * MS}[modality]
    play = Play(modality, interval_ns).send(GOOD, 2).send(Quality(frozenset({flag})), 3.2)
    assert (state, str(flag)) in play.states
    measured = flag not in (QualityFlag.NONFINITE, QualityFlag.STUCK)
    assert play.monitor.usable(modality) is measured


def test_a_camera_that_was_slow_from_its_start_is_told_to_be() -> None:
    play = Play(interval_ns=200 * MS).send(GOOD, 6)
    assert play.states[-1] == ("degraded", "low_rate")
    assert Play(interval_ns=S // 6).send(GOOD, 6).states == [("ok", None)]


def test_halved_rate_is_noticed_within_a_hundred_pictures_and_still_measured() -> None:
    play = Play().send(GOOD, 10)
    start_ns = play.now_ns
    play.interval_ns *= 2
    play.send(GOOD, 10 + 100 / 15)
    assert play.states[1:] == [("degraded", "low_rate")]
    assert play.changes[1].t_ns > start_ns
    assert play.monitor.usable("face")
    play.interval_ns //= 2
    play.send(GOOD, 30)
    assert play.states[2:] == [("ok", None)]


def test_an_irregular_rate_is_not_judged() -> None:
    play = Play()
    for k in range(300):
        play.interval_ns = 66 * MS if k % 3 == 0 else 33 * MS
        play.send(GOOD, (play.now_ns + 1) / S)
    for _ in range(200):
        play.interval_ns = 66 * MS
        play.send(GOOD, (play.now_ns + 1) / S)
    assert play.states == [("ok", None)]


def test_a_gap_does_not_count_as_a_low_rate() -> None:
    play = Play().send(GOOD, 10).pause(13).send(GOOD, 20)
    assert play.states[1:] == [
        ("degraded", "no_data"),
        ("lost", "no_data"),
        ("recovering", None),
        ("ok", None),
    ]


def test_a_worker_that_dies_is_lost_at_once_and_comes_back() -> None:
    play = Play().send(GOOD, 2)
    play.changes += play.monitor.source_failed("face", 2 * S + 5 * MS, "worker_died")
    assert play.rows[1:] == [("lost", "worker_died", 2.005, 2.005)]
    assert not play.monitor.usable("face")
    play.pause(4).send(GOOD, 5)
    assert play.states[2:] == [("recovering", None), ("ok", None)]


def test_a_disabled_stream_is_told_once_and_never_again() -> None:
    monitor = HealthMonitor("p1", ["text", "face"])
    (change,) = monitor.disable("text", 0, "no_weights")
    assert (change.state, change.reason, change.t_ns) == (HealthState.DISABLED, "no_weights", 0)
    assert monitor.disable("text", S, "again") == []
    assert monitor.source_failed("text", S, "died") == []
    assert monitor.observe("text", 0, 20 * MS, GOOD) == []
    assert [c.modality for c in monitor.tick(100 * S)] == ["face"]
    assert not monitor.usable("text")


def test_text_is_stalled_when_its_progress_lags_two_seconds() -> None:
    play = Play("text", 100 * MS).send(GOOD, 5).pause(6.9)
    assert play.states == [("ok", None)]
    play.pause(20)
    assert play.rows[1:] == [
        ("degraded", "stalled", 7.0, 5.0),
        ("lost", "stalled", 10.0, 5.0),
    ]


def test_a_stream_that_never_arrives_is_lost() -> None:
    monitor = HealthMonitor("p1", ["audio", "face"])
    assert monitor.tick(3 * S - 1) == []
    changes = monitor.tick(60 * S)
    assert [(c.modality, c.state.value, c.reason, c.t_ns) for c in changes] == [
        ("audio", "lost", "no_data", 3 * S),
        ("face", "lost", "no_data", 3 * S),
    ]


def test_a_stream_that_is_bad_from_its_start_is_never_ok() -> None:
    play = Play().send(BLACK, 3)
    assert play.states == [("degraded", "black"), ("lost", "black")]


def test_an_ended_stream_is_not_missed() -> None:
    play = Play().send(GOOD, 2)
    assert play.monitor.ended("face", 2 * S) == []
    assert play.monitor.tick(100 * S) == []
    assert play.monitor.observe("face", 100 * S, MS, GOOD) == []
    assert play.monitor.state("face").state is HealthState.OK


def test_a_stream_that_ends_without_data_is_lost() -> None:
    monitor = HealthMonitor("p1", ["face"])
    assert [c.state.value for c in monitor.ended("face", S)] == ["lost"]


def test_late_and_repeated_observations_change_nothing() -> None:
    play = Play().send(GOOD, 2)
    health = play.monitor.state("face")
    for t_ns in (0, S, play.now_ns - play.interval_ns):
        assert play.monitor.observe("face", t_ns, S // 30, frozen(0)) == []
    assert play.monitor.tick(0) == []
    assert play.monitor.state("face") is health
    play.send(GOOD, 4)
    assert play.states == [("ok", None)]


def test_deadlines_are_stamped_when_due_however_late_the_tick() -> None:
    often, late = Play().send(GOOD, 2), Play().send(GOOD, 2)
    often.pause(60)
    late.changes += late.monitor.tick(60 * S)
    assert often.changes == late.changes
    assert [r[0] for r in late.rows] == ["ok", "degraded", "lost"]


def test_a_gap_is_found_by_the_observation_after_it() -> None:
    monitor = HealthMonitor("p1", ["face"])
    changes = monitor.observe("face", 0, 33 * MS, GOOD) + monitor.observe("face", S, 33 * MS, GOOD)
    assert [c.state.value for c in changes] == ["ok", "degraded", "lost", "recovering"]


def test_a_picture_vouches_no_longer_than_a_tenth_second_whatever_it_claims() -> None:
    monitor = HealthMonitor("p1", ["face"])
    monitor.observe("face", 0, 5 * S, GOOD)
    assert monitor.tick(S)[-1].state is HealthState.LOST


def test_changes_come_in_order_of_time_then_of_modality() -> None:
    monitor = HealthMonitor("p1", ["audio", "face"])
    monitor.observe("face", 0, 33 * MS, GOOD)
    monitor.observe("audio", 0, 33 * MS, GOOD)
    changes = monitor.tick(10 * S)
    assert [(c.modality, c.state.value) for c in changes] == [
        ("audio", "degraded"),
        ("face", "degraded"),
        ("audio", "lost"),
        ("face", "lost"),
    ]
    assert [c.t_ns for c in changes] == sorted(c.t_ns for c in changes)


def test_evidence_names_numbers() -> None:
    play = Play().send(GOOD, 2).freeze(3)
    assert play.changes[1].evidence["frozen_ms"] == 500.0
    assert play.changes[2].evidence["age_ms"] == 800
    assert play.changes[1].participant == "p1"


def flap(kind: str, on_s: float, off_s: float, total_s: float, quality: Quality = GOOD) -> Play:
    modality: Modality = "audio" if kind == "mute" else "face"
    play = Play(modality, 20 * MS if kind == "mute" else S // 30).send(quality, 20)
    while play.now_ns < (20 + total_s) * S:
        play.send(quality, play.now_ns / S + on_s)
        off_to = play.now_ns / S + off_s
        if kind == "gap":
            play.pause(off_to)
        elif kind == "freeze":
            play.freeze(off_to)
        elif kind == "no_face":
            play.send(NO_FACE, off_to)
        elif kind == "mute":
            play.send(silent(play.now_ns), off_to)
    return play


@pytest.mark.parametrize("kind", ["gap", "freeze", "no_face", "mute"])
def test_flapping_at_0_7_hz_is_told_once(kind: str) -> None:
    play = flap(kind, 0.714, 0.714, 300)
    first = play.changes[1]
    assert first.t_ns <= 20 * S + 714 * MS + 600 * MS
    assert len(play.changes) <= 8
    back_ns = play.now_ns
    play.send(GOOD, play.now_ns / S + 8)
    assert play.changes[-1].state is HealthState.OK
    assert play.changes[-1].t_ns - back_ns <= 7 * S


@pytest.mark.parametrize("quality", [GOOD, DARK], ids=["good", "dark"])
@pytest.mark.parametrize("kind", ["gap", "freeze", "no_face", "mute"])
@pytest.mark.parametrize(
    ("on_s", "off_s"),
    [(0.2, 0.2), (1.6, 1.0), (2, 0.3), (3, 3), (7, 1.2)],
)
def test_no_rhythm_makes_more_than_one_event_per_two_seconds(
    kind: str, on_s: float, off_s: float, quality: Quality
) -> None:
    play = flap(kind, on_s, off_s, 50, quality)
    assert len(play.changes) <= 25 + 3


def test_a_second_failure_is_forgiven_within_two_seconds() -> None:
    play = Play().send(GOOD, 2).freeze(4).send(GOOD, 6).freeze(8)
    back_ns = play.now_ns
    play.send(GOOD, 12)
    assert play.states[-1] == ("ok", None)
    assert play.changes[-1].t_ns - back_ns <= 2 * S


def test_two_runs_give_the_same() -> None:
    assert flap("freeze", 1.3, 0.9, 30).changes == flap("freeze", 1.3, 0.9, 30).changes
