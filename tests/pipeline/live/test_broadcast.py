"""What other programs are told, from the events of a live loop in virtual time."""

import json
from typing import Any

from tacit.pipeline.live.broadcast import Broadcast
from tacit.stream.endpoints import bus_place
from tacit.stream.publisher import Publisher
from tests.fakes.live import Heard, VirtualLive


class Recorded(Publisher):
    """A real publisher that also keeps what it was given."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def publish(self, topic: str, text: str, *, keep: bool = False) -> None:
        self.sent.append((topic, json.loads(text)))
        super().publish(topic, text, keep=keep)


def test_every_event_goes_out_under_its_topic_and_what_stays_true_is_kept() -> None:
    live = VirtualLive()
    seat = live.open("s1")
    live.run(2)
    story = list(live.heard.by_session["s1"])
    seat.handle.end("end")
    live.run(1)
    rest = live.heard.by_session["s1"][len(story) :]
    heard = Heard()
    with bus_place(ipc=True) as place, Recorded(place.endpoint("events")) as publisher:
        broadcast = Broadcast(publisher, heard)
        broadcast.events("s1", story)
        assert set(publisher.last) == {
            "s1/p1/session.ready",
            "s1/p1/measurement.result",
            "s1/p1/sensor.health/audio",
            "s1/p1/sensor.health/face",
            "s1/p1/sensor.health/text",
        }
        broadcast.events("s1", rest)
        broadcast.views("s1", [{"type": "view.face"}])
        assert publisher.last == {}
        topics = [topic for topic, _ in publisher.sent]
        assert topics[-1] == "s1/p1/session.closed"
        assert not any("view" in topic for topic in topics)
        assert [fields["seq"] for _, fields in publisher.sent] == list(range(len(topics)))
    assert heard.by_session["s1"] == [*story, *rest]
    assert heard.seen == [{"type": "view.face"}]
