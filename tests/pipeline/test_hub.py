from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tacit.models.features import FeatureWindow, Modality
from tacit.pipeline.health import Health
from tacit.pipeline.hub import Hub, Output, WindowJob, WindowRules, Words
from tacit.pipeline.quality import Quality, QualityFlag
from tacit.pipeline.stages.reports import feature_meta
from tacit.pipeline.window import WindowConfig
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Packet

DIMS: dict[Modality, int] = {"audio": 2, "face": 3, "text": 2}
NO_TEXT: dict[Modality, str] = {"text": "switched_off"}


def hub(disabled: dict[Modality, str] | None = None) -> Hub:
    return Hub("p1", DIMS, WindowConfig(), WindowRules(), NO_TEXT if disabled is None else disabled)


def feature(modality: Modality, t_ns: int, duration_ns: int, quality: Quality) -> Packet:
    values = np.ones(DIMS[modality], dtype=np.float32)
    end_ns = t_ns + duration_ns
    return Packet(
        "feature",
        modality,
        "p1",
        modality,
        0,
        0,
        t_ns,
        duration_ns,
        end_ns,
        values,
        feature_meta(quality, duration_ns, end_ns),
    )


def stream(
    modality: Modality, period_ns: int, seconds: float, bad: dict[tuple[float, float], Quality]
) -> Iterator[Packet]:
    for t_ns in range(0, round(seconds * NS_PER_S), period_ns):
        hit = [q for (a, b), q in bad.items() if a <= t_ns / NS_PER_S < b]
        yield feature(modality, t_ns, period_ns, hit[0] if hit else Quality())
    end_ns = round(seconds * NS_PER_S)
    yield Packet("end", modality, "p1", modality, 0, 0, end_ns, 0, end_ns)


def play(
    session: Hub,
    seconds: float,
    bad_face: dict[tuple[float, float], Quality] | None = None,
) -> list[Output]:
    packets = [
        *stream("audio", 40 * NS_PER_MS, seconds, {}),
        *stream("face", 50 * NS_PER_MS, seconds, bad_face or {}),
    ]
    outputs = session.start()
    for packet in sorted(packets, key=lambda p: p.t_available_ns):
        outputs += session.accept(packet)
    return outputs + session.finish()


def jobs(outputs: list[Output]) -> list[WindowJob]:
    return [o for o in outputs if isinstance(o, WindowJob)]


def changes(outputs: list[Output]) -> list[tuple[str, str, str | None]]:
    return [(o.modality, o.state, o.reason) for o in outputs if isinstance(o, Health)]


def test_a_clean_session_gives_a_window_per_hop_and_no_alarm() -> None:
    outputs = play(hub(), 5.0)
    windows = [job.closed.window for job in jobs(outputs)]
    assert [w.t1_ns // NS_PER_MS for w in windows] == list(range(500, 5001, 500))
    assert all(w.mask["audio"].any() and w.mask["face"].any() for w in windows)
    assert not any(w.mask["text"].any() for w in windows)
    assert changes(outputs) == [
        ("text", "disabled", "switched_off"),
        ("audio", "ok", None),
        ("face", "ok", None),
    ]


def test_a_frozen_face_is_flagged_left_out_and_comes_back() -> None:
    frozen = Quality(frozenset({QualityFlag.FROZEN}), {}, since_ns=2 * NS_PER_S)
    outputs = play(hub(), 8.0, {(2.5, 4.0): frozen})
    alarms = [o for o in outputs if isinstance(o, Health) and o.modality == "face"]
    degraded, lost = alarms[1], alarms[2]
    assert (degraded.state, degraded.reason, degraded.since_ns) == ("degraded", "frozen", 2 * 10**9)
    assert degraded.t_ns <= 2.6 * NS_PER_S
    assert lost.state == "lost"
    assert lost.t_ns <= 3.0 * NS_PER_S
    back = next(o for o in alarms[3:] if o.state == "ok")
    assert back.t_ns <= 6.0 * NS_PER_S
    windows = {j.closed.window.t1_ns // NS_PER_MS: j.closed.window for j in jobs(outputs)}
    assert list(windows) == list(range(500, 8001, 500))
    for t1_ms in (2500, 3000, 3500, 4000):
        assert not windows[t1_ms].mask["face"].any(), t1_ms
        assert windows[t1_ms].mask["audio"].any(), t1_ms
    # Frames of the first half second were frozen too, though nobody could know it then.
    assert windows[5000].mask["face"].tolist() == [False] * 8 + [True] * 4


def test_a_failed_source_is_flagged_at_once_and_windows_go_on() -> None:
    session = hub()
    outputs: list[Output] = session.start()
    for packet in stream("audio", 40 * NS_PER_MS, 6.0, {}):
        if packet.kind == "end":
            break
        if packet.t_capture_ns < 2 * NS_PER_S:
            face = feature("face", packet.t_capture_ns, 40 * NS_PER_MS, Quality())
            outputs += session.accept(face)
        if packet.t_capture_ns == 2 * NS_PER_S:
            outputs += session.failed("face", "worker_died")
        outputs += session.accept(packet)
    of_face = [c for c in changes(outputs) if c[0] == "face"]
    assert of_face[1] == ("face", "lost", "worker_died")
    ends = [j.closed.window.t1_ns // NS_PER_MS for j in jobs(outputs)]
    assert ends[:10] == list(range(500, 5001, 500))
    last = jobs(outputs)[-1].closed.window
    assert not last.mask["face"].any()
    assert last.mask["audio"].any()


def test_words_give_a_transcript_and_revise_the_windows_they_belong_to() -> None:
    session = hub(disabled={"face": "no_video_stream"})
    outputs: list[Output] = session.start()
    for t_ns in range(0, 3 * NS_PER_S, 40 * NS_PER_MS):
        outputs += session.accept(feature("audio", t_ns, 40 * NS_PER_MS, Quality()))
        bound = Packet("bound", "text", "p1", "text", 0, 0, t_ns, 40 * NS_PER_MS, t_ns + 40_000_000)
        outputs += session.accept(bound)
    said = Packet(
        "transcript",
        "text",
        "p1",
        "text",
        0,
        0,
        1 * NS_PER_S,
        1 * NS_PER_S,
        3 * NS_PER_S,
        np.ones(2, dtype=np.float32),
        {
            "final": True,
            "language": "en",
            "words": [["hello", 1 * NS_PER_S, 2 * NS_PER_S, 0.9]],
            "frame": [1 * NS_PER_S, 1 * NS_PER_S, 0.9],
        },
    )
    outputs += session.accept(said)
    words = [o for o in outputs if isinstance(o, Words)]
    assert words == [
        Words(10**9, 2 * 10**9, True, (("hello", 10**9, 2 * 10**9, 0.9),), "en"),
    ]
    revised = [j.closed for j in jobs(outputs) if j.closed.revision == 1]
    assert [c.window.t1_ns // NS_PER_MS for c in revised] == [1500, 2000, 2500]
    assert all(c.window.mask["text"].any() for c in revised)


def test_time_alone_closes_windows_and_loses_sensors() -> None:
    session = hub()
    outputs = session.start()
    outputs += session.accept(feature("audio", 0, 40 * NS_PER_MS, Quality()))
    outputs += session.advance(3 * NS_PER_S)
    assert [j.closed.window.t1_ns // NS_PER_MS for j in jobs(outputs)] == list(
        range(500, 2501, 500)
    )
    assert ("audio", "lost", "no_data") in changes(outputs)
    assert not any(j.closed.window.mask["audio"].any() for j in jobs(outputs)[2:])


def test_every_frame_is_accounted_for() -> None:
    session = hub()
    frozen = Quality(frozenset({QualityFlag.FROZEN}), {}, since_ns=2 * NS_PER_S)
    play(session, 5.0, {(2.5, 4.0): frozen})
    counted = session.counts()["face"]
    assert counted.offered == 100
    assert counted.offered == counted.used + sum(counted.dropped.values()) + counted.pending
    assert counted.pending == 0
    assert counted.dropped["masked"] >= 30


def windows_of(outputs: list[Output]) -> dict[int, FeatureWindow]:
    return {j.closed.window.t1_ns // NS_PER_MS: j.closed.window for j in jobs(outputs)}


def test_a_window_takes_the_past_of_what_is_lost_along() -> None:
    frozen = Quality(frozenset({QualityFlag.FROZEN}), {}, since_ns=2 * NS_PER_S)
    windows = windows_of(play(hub(), 8.0, {(2.5, 4.0): frozen}))
    assert windows[2000].lost == frozenset()
    assert windows[2000].past == {}
    for t1_ms in (2500, 3000, 4000):
        assert windows[t1_ms].lost == {"face"}, t1_ms
        past = windows[t1_ms].past["face"]
        assert past.values.shape == (8, 3)
        # The last half second before the alarm was frozen as well: it is no measurement.
        assert past.age_s[0] == (t1_ms - 2000) / 1000 + 0.125
    assert windows[8000].lost == frozenset()


def test_what_is_switched_off_or_muted_is_not_lost() -> None:
    """Nor while it comes back."""
    silent = Quality(frozenset({QualityFlag.SILENT}), {}, since_ns=0)
    session = hub()
    packets = [
        *stream("audio", 40 * NS_PER_MS, 14.0, {(0.0, 10.0): silent}),
        *stream("face", 50 * NS_PER_MS, 14.0, {}),
    ]
    outputs: list[Output] = session.start()
    for packet in sorted(packets, key=lambda p: p.t_available_ns):
        outputs += session.accept(packet)
    assert ("audio", "muted", "silent") in changes(outputs)
    assert changes(outputs)[-1] == ("audio", "ok", None)
    assert all(not w.lost for w in windows_of(outputs).values())


def test_a_degraded_sensor_is_trusted_less() -> None:
    blurred = Quality(frozenset({QualityFlag.BLURRED}), {})
    windows = windows_of(play(hub(), 8.0, {(2.0, 8.0): blurred}))
    assert windows[1500].degradation == {}
    assert windows[7500].degradation == {"face": 0.5}
    assert windows[7500].mask["face"].any()


@pytest.mark.parametrize("values", [[np.nan] * 3, [0.0] * 4], ids=["no numbers", "wrong length"])
def test_features_that_cannot_be_used_are_flagged_and_end_nothing(values: list[float]) -> None:
    session, outputs = hub(), []
    outputs += session.start()
    for k in range(100):
        packet = feature("face", k * 50 * NS_PER_MS, 50 * NS_PER_MS, Quality())
        # Every other picture is only looked at, as between two readings.
        given = np.zeros(0, np.float32) if k % 2 else np.asarray(values, np.float32)
        outputs += session.accept(replace(packet, data=given) if k >= 20 else packet)
    states = [(state, reason) for _, state, reason in changes(outputs) if reason == "nonfinite"]
    assert states == [("degraded", "nonfinite"), ("lost", "nonfinite")]
    assert not jobs(outputs)[-1].closed.window.mask["face"].any()
