import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from tacit.stream.bus import BusOptions, BusReceiver, BusSender, BusStatistics
from tacit.stream.endpoints import BusPlace, CurveKeys, bus_place
from tacit.stream.errors import BusError, LocalError
from tacit.stream.wire import Message, Stamp, encode

WORKER = Path(__file__).resolve().parent.parent / "fakes" / "bus_sender.py"
LONG_S = 20.0


@pytest.fixture
def place() -> Iterator[BusPlace]:
    with bus_place(ipc=True) as made:
        yield made


def take(receiver: BusReceiver) -> Message:
    message = receiver.receive(LONG_S)
    assert message is not None
    return message


def pass_on(receiver: BusReceiver, sender: BusSender, count: int) -> list[Message]:
    """Send and take at once, so that any high-water mark will do."""
    taken = []
    for k in range(count):
        assert sender.send(Message("m", {"k": k}, {"v": np.full(5, k)}), LONG_S)
        taken.append(take(receiver))
    return taken


def test_ipc_carries_messages_with_their_stamps(place: BusPlace) -> None:
    endpoint = place.endpoint("a")
    with (
        BusReceiver(endpoint, bind=True) as receiver,
        BusSender(endpoint, source="s", epoch=3, bind=False) as sender,
    ):
        taken = pass_on(receiver, sender, 5)
        assert [message.stamp for message in taken] == [Stamp("s", 3, k) for k in range(5)]
        assert [message.fields["k"] for message in taken] == list(range(5))
        assert all(int(message.arrays["v"].sum()) == 5 * k for k, message in enumerate(taken))
        assert receiver.receive(0.0) is None
        assert receiver.statistics().sources["s"].missed == 0


def test_inproc_works_in_either_order() -> None:
    with (
        BusSender("inproc://either", source="s", bind=False) as sender,
        BusReceiver("inproc://either", bind=True) as receiver,
    ):
        assert len(pass_on(receiver, sender, 3)) == 3


def test_large_arrays_arrive_whole(place: BusPlace) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (640, 640, 3), dtype=np.uint8)
    endpoint = place.endpoint("a")
    with (
        BusReceiver(endpoint, bind=True) as receiver,
        BusSender(endpoint, source="s", bind=False) as sender,
    ):
        assert sender.send(Message("m", {}, {"v": picture}), LONG_S)
        assert np.array_equal(take(receiver).arrays["v"], picture)


def test_a_full_lossless_queue_makes_the_sender_wait_and_loses_nothing(place: BusPlace) -> None:
    endpoint = place.endpoint("a")
    options = BusOptions(high_water_mark=2)
    payload = {"v": np.zeros(500_000, np.uint8)}
    with (
        BusReceiver(endpoint, bind=True, options=options) as receiver,
        BusSender(endpoint, source="s", bind=False, options=options) as sender,
    ):
        sent = 0
        while sender.send(Message("m", {"k": sent}, payload), 0.2):
            sent += 1
            assert sent < 50, "nothing holds the sender back"
        taken = [take(receiver).fields["k"] for _ in range(sent)]
        assert sender.send(Message("m", {"k": sent}), LONG_S)
        assert [*taken, take(receiver).fields["k"]] == list(range(sent + 1))
        assert receiver.statistics().sources["s"].missed == 0


def test_without_a_receiver_a_bound_sender_does_not_send(place: BusPlace) -> None:
    with BusSender(place.endpoint("a"), source="s", bind=True) as sender:
        assert sender.send(Message("m"), 0.0) is False


def test_latest_loses_rather_than_waits_and_the_loss_is_counted() -> None:
    name, options = "inproc://news", BusOptions(high_water_mark=4)
    with (
        BusSender(name, source="s", bind=True, delivery="latest", options=options) as pub,
        BusReceiver(name, bind=False, delivery="latest", options=options) as sub,
    ):
        while sub.receive(0.05) is None:  # until the subscription has arrived
            assert pub.send(Message("hello"))
        while sub.receive(0.05) is not None:
            pass
        before = sub.statistics().sources["s"]
        for k in range(100):
            assert pub.send(Message("m", {"k": k}))
        got = 0
        while sub.receive(0.05) is not None:
            got += 1
        assert got <= 8
        assert pub.send(Message("last"))
        assert take(sub).kind == "last"
        after = sub.statistics().sources["s"]
        assert after.missed - before.missed == 100 - got


@pytest.mark.parametrize(("delivery", "expected_ms"), [("lossless", 0), ("latest", 250)])
def test_heartbeats_only_where_no_back_pressure_can_starve_them(
    place: BusPlace, delivery: str, expected_ms: int
) -> None:
    with BusReceiver(place.endpoint("a"), bind=True, delivery=delivery) as end:  # type: ignore[arg-type]
        assert end.socket.getsockopt(zmq.HEARTBEAT_IVL) == expected_ms
        assert end.socket.getsockopt(zmq.MAXMSGSIZE) == 4 * 1024 * 1024
        assert end.socket.getsockopt(zmq.RCVHWM) == 32
        assert end.socket.getsockopt(zmq.HANDSHAKE_IVL) == 5000


def test_garbage_is_counted_and_passed_over(place: BusPlace) -> None:
    endpoint = place.endpoint("a")
    good = [bytes(part) for part in encode(Message("m", {}, {}, Stamp("s", 0, 0)))]
    unstamped = [bytes(part) for part in encode(Message("m"))]
    with zmq.Context() as context, context.socket(zmq.PUSH) as raw:
        with BusReceiver(endpoint, bind=True) as receiver:
            raw.connect(endpoint)
            for parts in ([b""], [b"junk"] * 3, [b"x"] * 500, [good[0][:-1]], unstamped, good):
                raw.send_multipart(parts)
            assert take(receiver).stamp == Stamp("s", 0, 0)
            assert receiver.statistics()[:3] == BusStatistics(1, 5, 0, {})[:3]
            for _ in range(20):
                raw.send(b"junk")
            assert receiver.receive(0.2) is None
        raw.close(linger=0)


def test_two_senders_of_one_name_are_noticed(place: BusPlace) -> None:
    endpoint = place.endpoint("a")
    with (
        BusReceiver(endpoint, bind=True) as receiver,
        BusSender(endpoint, source="s", bind=False) as one,
        BusSender(endpoint, source="s", bind=False) as other,
        BusSender(endpoint, source="t", bind=False) as witness,
    ):
        pass_on(receiver, one, 3)
        assert other.send(Message("m"), LONG_S)
        while receiver.receive(0.05) is None and not receiver.statistics().sources["s"].duplicates:
            pass
        pass_on(receiver, witness, 1)
        assert receiver.statistics().sources["s"].duplicates == 1


@pytest.mark.process
def test_a_killed_worker_comes_back_as_a_new_epoch(place: BusPlace) -> None:
    endpoint = place.endpoint("a")
    with BusReceiver(endpoint, bind=True) as receiver:
        for epoch in (0, 1):
            command = [sys.executable, str(WORKER), endpoint, str(epoch), "20"]
            with subprocess.Popen(command) as worker:
                try:
                    got = [take(receiver).stamp for _ in range(20)]
                finally:
                    os.kill(worker.pid, signal.SIGKILL)
            assert got == [Stamp("worker", epoch, k) for k in range(20)]
        with (
            BusSender(endpoint, source="worker", epoch=0, bind=False) as late,
            BusSender(endpoint, source="other", bind=False) as other,
        ):
            assert late.send(Message("from the grave"), LONG_S)
            while not receiver.statistics().sources["worker"].stale:
                assert receiver.receive(0.05) is None
            pass_on(receiver, other, 1)
        counted = receiver.statistics().sources["worker"]
        assert (counted.epoch, counted.received, counted.missed) == (1, 40, 0)
        assert (counted.duplicates, counted.stale, counted.epoch_changes) == (0, 1, 1)


def test_an_endpoint_in_use_is_named(place: BusPlace) -> None:
    endpoint = place.endpoint("a")
    with (
        BusReceiver(endpoint, bind=True),
        pytest.raises(BusError, match=f"{endpoint} is in use by another process"),
    ):
        BusReceiver(endpoint, bind=True)
    with BusReceiver(endpoint, bind=True):  # a socket left behind by a dead process is no obstacle
        pass


def test_a_port_in_use_and_a_missing_folder_are_named() -> None:
    with bus_place(ipc=False) as made:
        endpoint = made.endpoint("a")
        with (
            BusReceiver(endpoint, bind=True),
            pytest.raises(BusError, match=f"{endpoint} cannot be bound: Address already in use"),
        ):
            BusReceiver(endpoint, bind=True)
    with pytest.raises(BusError, match="ipc:///nowhere/x cannot be bound: No such file"):
        BusSender("ipc:///nowhere/x", source="s", bind=True)


def test_only_listed_keys_get_in_over_tcp() -> None:
    def keys() -> tuple[bytes, bytes]:
        return zmq.curve_keypair()

    (server, server_secret), (friend, friend_secret), (other, other_secret) = keys(), keys(), keys()
    with bus_place(ipc=False) as made:
        endpoint = made.endpoint("a")
        listening = BusOptions(curve=CurveKeys(server, server_secret, frozenset({friend})))
        allowed = BusOptions(curve=CurveKeys(friend, friend_secret, frozenset({server})))
        refused = BusOptions(curve=CurveKeys(other, other_secret, frozenset({server})))
        with (
            BusReceiver(endpoint, bind=True, options=listening) as receiver,
            BusSender(endpoint, source="bad", bind=False, options=refused) as bad,
            BusSender(endpoint, source="plain", bind=False) as plain,
            BusSender(endpoint, source="good", bind=False, options=allowed) as good,
        ):
            for stranger in (bad, plain):
                stranger.send(Message("m"))
            assert {m.stamp.source for m in pass_on(receiver, good, 3) if m.stamp} == {"good"}
            assert receiver.receive(0.2) is None
            for stranger in (bad, plain):
                stranger.close(0.0)


def test_a_closed_end_says_so() -> None:
    sender = BusSender("inproc://closed", source="s", bind=True)
    receiver = BusReceiver("inproc://closed", bind=False)
    sender.close()
    receiver.close()
    sender.close()
    with pytest.raises(BusError, match="sender 's' cannot send"):
        sender.send(Message("m"))
    with pytest.raises(BusError, match="cannot be read"):
        receiver.receive()


def test_settings_without_sense_are_refused() -> None:
    with pytest.raises(LocalError, match="has a bound"):
        BusOptions(high_water_mark=0)
    with pytest.raises(LocalError, match="delivery 'maybe'"):
        BusReceiver("inproc://x", bind=True, delivery="maybe")  # type: ignore[arg-type]
    with pytest.raises(LocalError, match="one or more endpoints"):
        BusReceiver([], bind=True)
