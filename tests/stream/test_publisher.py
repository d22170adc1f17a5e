"""Real sockets on ipc; readers are told what they missed."""

from collections.abc import Iterator

import pytest
import zmq

from tacit.stream.endpoints import BusPlace, bus_place
from tacit.stream.errors import BusError, LocalError
from tacit.stream.publisher import Publisher


@pytest.fixture
def place() -> Iterator[BusPlace]:
    with bus_place(ipc=True) as made:
        yield made


class Reader:
    def __init__(self, endpoint: str, prefix: str = "") -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self._context.socket(zmq.SUB)
        self.socket.connect(endpoint)
        self.socket.subscribe(prefix.encode())

    def read(self, publisher: Publisher, wait_ms: int = 5000) -> tuple[str, str] | None:
        for _ in range(wait_ms // 10):
            publisher.serve()
            if self.socket.poll(10):
                topic, text = self.socket.recv_multipart()
                return topic.decode(), text.decode()
        return None

    def close(self) -> None:
        self.socket.close(0)
        self._context.term()


def test_late_readers_are_told_last_values_and_then_everything(place: BusPlace) -> None:
    endpoint = place.endpoint("events")
    with Publisher(endpoint) as publisher:
        publisher.publish("s1/p1/health/face", '{"state":"starting"}', keep=True)
        publisher.publish("s1/p1/health/face", '{"state":"ok"}', keep=True)
        publisher.publish("s1/p1/transcript", '{"text":"gone"}')
        first, second = Reader(endpoint, "s1/"), Reader(endpoint)
        try:
            told = [reader.read(publisher) for reader in (first, second)]
            assert told == [("s1/p1/health/face", '{"state":"ok"}')] * 2
            publisher.publish("s2/p2/health/face", "{}")
            publisher.publish("s1/p1/result", '{"n":1}')
            seen = first.read(publisher)
            while seen == told[0]:  # the second reader's wish was heard by the first as well
                seen = first.read(publisher)
            assert seen == ("s1/p1/result", '{"n":1}')
        finally:
            first.close()
            second.close()


def test_what_has_ended_is_forgotten(place: BusPlace) -> None:
    with Publisher(place.endpoint("events")) as publisher:
        publisher.publish("s1/p1/a", "1", keep=True)
        publisher.publish("s11/p1/a", "1", keep=True)
        publisher.forget("s1/")
        assert set(publisher.last) == {"s11/p1/a"}


def test_nobody_listening_costs_nothing_and_garbage_is_passed_over(place: BusPlace) -> None:
    endpoint = place.endpoint("events")
    with Publisher(endpoint) as publisher:
        for k in range(5000):
            publisher.publish("s1/p1/a", str(k))
        reader = Reader(endpoint, "x" * 5000)
        try:
            assert reader.read(publisher, 200) is None
        finally:
            reader.close()


def test_an_endpoint_in_use_or_open_to_others_is_refused(place: BusPlace) -> None:
    endpoint = place.endpoint("events")
    with Publisher(endpoint), pytest.raises(BusError, match="in use"):
        Publisher(endpoint)
    with pytest.raises(LocalError, match="keeps to this machine"):
        Publisher("tcp://0.0.0.0:5599")
