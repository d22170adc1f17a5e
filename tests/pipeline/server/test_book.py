"""What the server remembers of sessions, fed with the events of a live loop in virtual time."""

import json

from tacit.pipeline.consent import Terms
from tacit.pipeline.events import Event
from tacit.pipeline.server.book import MOST_ENDED, Book, Served
from tacit.pipeline.server.viewers import Audience, Viewer
from tacit.stream.clock import ManualClock
from tests.fakes.live import VirtualHandle, VirtualLive


def events() -> list[Event]:
    live = VirtualLive()
    seat = live.open("s1")
    live.run(2)
    seat.handle.end("end")
    live.run(1)
    return live.heard.by_session["s1"]


def served(name: str = "s1") -> Served:
    handle = VirtualHandle(name, ManualClock(0))
    return Served(Terms("p1", "demo", "c1"), "webrtc", handle)


def test_late_viewers_are_told_how_things_stand() -> None:
    counted: list[str] = []
    book = Book(Audience(), lambda event: counted.append(event.type))
    one = served()
    book.add(one)
    story = events()
    book.note("s1", story[:-4])
    kinds = [json.loads(line.text)["type"] for line in one.last_lines()]
    assert kinds == ["session.ready", *["sensor.health"] * 3, "measurement.result"]
    shown = one.as_json()
    assert shown["health"]["audio"] == {"state": "ok", "reason": None}
    assert shown["state"] == "connecting"
    assert len(counted) == len(story) - 4
    book.note("s1", story[-4:])
    assert one.state == "ended"
    assert one.ended.is_set()
    assert book.live == []


def test_events_that_come_before_the_session_is_entered_are_not_lost() -> None:
    audience, viewer = Audience(), Viewer(None)
    audience.add(viewer)
    book = Book(audience, lambda event: None)
    story = events()
    book.note("s1", story[:2])
    book.note("s1", story[2:4])
    one = served()
    book.add(one)
    assert one.ready is not None
    assert viewer.dropped == 0
    assert len(one.last_lines()) >= 2


def test_withdrawing_leaves_nothing() -> None:
    book = Book(Audience(), lambda event: None)
    book.add(served())
    book.note("s1", events())
    assert book.forget("s1") == ["events", "health", "results"]
    assert book.get("s1") is None
    assert book.forget("s1") == []
    book.note("s1", events()[1:])
    assert book.get("s1") is None


def test_ended_sessions_are_remembered_only_so_many() -> None:
    book = Book(Audience(), lambda event: None)
    for k in range(MOST_ENDED + 20):
        one = served(f"s{k}")
        book.add(one)
        one.state = "ended"
    book.add(served("last"))
    assert len(book.all) <= MOST_ENDED + 2
    assert book.get("s0") is None
