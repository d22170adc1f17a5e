"""One session's own rules; the loop's tests cover the rest."""

import numpy as np

from tacit.pipeline.config import Settings
from tacit.pipeline.intake import SessionSetup
from tacit.pipeline.job import STAMPS
from tacit.pipeline.live.session import MOST_TRANSIT_NS, TRANSIT_NS, LiveSession
from tacit.pipeline.quality import Quality
from tacit.pipeline.stages.reports import OUTLINE, feature_meta
from tacit.stream.clock import ManualClock
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Modality, Packet
from tests.fakes.live import DIMS, IDENTITY


def session(clock: ManualClock, disabled: dict[Modality, str] | None = None) -> LiveSession:
    setup = SessionSetup("s1", "p7", "test", Settings(asr="off"), disabled or {}, "2026-01-01")
    return LiveSession(setup, IDENTITY, clock, 0)


def media(modality: Modality, t_ns: int) -> Packet:
    data = np.zeros((4, 4, 3), np.uint8) if modality == "face" else np.zeros(320, np.float32)
    return Packet("media", modality, "s1", modality, 0, 0, t_ns, 20 * NS_PER_MS, t_ns, data)


def feature(t_ns: int, modality: Modality = "audio") -> Packet:
    meta = feature_meta(Quality(), 40 * NS_PER_MS, t_ns + 20 * NS_PER_MS)
    values = np.ones(DIMS[modality], np.float32)
    given = {**meta, STAMPS: [1, 2, 3], OUTLINE: [[0.1, 0.2]]}
    return Packet("feature", modality, "s1", modality, 0, 0, t_ns, 20 * NS_PER_MS, 0, values, given)


def test_sound_goes_to_voice_and_words_and_pictures_to_the_face() -> None:
    one = session(ManualClock())
    assert [m for m, _ in one.route(media("audio", 0))] == ["text", "audio"]
    assert [m for m, _ in one.route(media("face", 0))] == ["face"]
    one.damage.inject("text", "drop", 0)
    assert [m for m, _ in one.route(media("audio", 0))] == ["audio"]
    mute = session(ManualClock(), {"text": "off"})
    assert [m for m, _ in mute.route(media("audio", 0))] == ["audio"]
    assert next(mute.route(media("face", 0)))[1].participant == "s1"


def test_where_media_go_is_counted() -> None:
    one = session(ManualClock(), {"text": "off"})
    one.damage.inject("face", "drop", 0)
    assert list(one.route(media("face", 0))) == []
    one.ended.add("face")
    assert list(one.route(media("face", 0))) == []
    assert one.counts["face"].offered == 2
    assert one.counts["face"].dropped == {"injected": 1, "after_end": 1}


def test_what_stages_say_to_the_side_is_not_kept_with_the_features() -> None:
    kept: list[Packet] = []

    class Tap:
        def accepted(self, packet: Packet) -> None:
            kept.append(packet)

        def advanced(self, now_ns: int) -> None: ...

        def failed(self, modality: Modality, reason: str) -> None: ...

        def noted(self, code: str, message: str) -> None: ...

        def finished(self) -> None: ...

    clock = ManualClock(200 * NS_PER_MS)
    setup = SessionSetup("s1", "p7", "test", Settings(asr="off"), {})
    one = LiveSession(setup, IDENTITY, clock, 0, Tap())
    one.accept(feature(150 * NS_PER_MS), 0)
    assert kept[0].participant == "p7"
    assert {STAMPS, OUTLINE}.isdisjoint(kept[0].meta)
    assert kept[0].t_available_ns == 100 * NS_PER_MS
    (view,) = one.views()
    assert (view["type"], view["t_ms"], view["outline"]) == ("view.face", 150, [[0.1, 0.2]])
    assert one.views() == []


def test_session_time_lags_by_what_stages_need_and_no_more_than_half_a_second() -> None:
    clock = ManualClock(NS_PER_S)
    one = session(clock)
    assert one.transit_ns == TRANSIT_NS
    one.accept(feature(NS_PER_S - 320 * NS_PER_MS), 0)
    assert one.transit_ns == 330 * NS_PER_MS
    one.accept(feature(0), 0)
    assert one.transit_ns == MOST_TRANSIT_NS
    for k in range(3000):
        clock.advance(20 * NS_PER_MS)
        one.accept(feature(NS_PER_S + k * 20 * NS_PER_MS - 10 * NS_PER_MS), 0)
    assert one.transit_ns <= TRANSIT_NS + 5 * NS_PER_MS


def test_the_first_event_names_the_time_of_day() -> None:
    (ready, *_) = session(ManualClock()).flush(0)
    assert ready.type == "session.ready"
    assert getattr(ready, "anchor_utc", None) == "2026-01-01"


def test_a_stage_that_came_back_owes_nothing() -> None:
    one = session(ManualClock())
    one.counts["face"].sent = 3
    assert not one.has_room("face")
    one.stage_restarted("face")
    assert one.has_room("face")
    assert one.has_room("text")
