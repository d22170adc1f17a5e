"""Open TCP ports: what strangers send must not become messages."""

import os
import socket

import pytest
import zmq

from tacit.stream.bus import BusOptions, BusReceiver, BusSender
from tacit.stream.endpoints import CurveKeys
from tacit.stream.errors import LocalError
from tacit.stream.wire import Message

GREETING = b"\xff\0\0\0\0\0\0\0\0\x7f\x03"
"""With this a ZMTP peer begins; random bytes after it get further than plain ones."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def keys() -> tuple[CurveKeys, CurveKeys]:
    """Of a binding end and of the one that it lets in."""
    server, server_secret = zmq.curve_keypair()
    friend, friend_secret = zmq.curve_keypair()
    return (
        CurveKeys(server, server_secret, frozenset({friend})),
        CurveKeys(friend, friend_secret, frozenset({server})),
    )


@pytest.mark.process
@pytest.mark.parametrize("encrypted", [True, False])
def test_random_bytes_at_an_open_port_deliver_nothing(encrypted: bool) -> None:
    server, friend = keys() if encrypted else (None, None)
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    host, port = "127.0.0.1", int(endpoint.rpartition(":")[2])
    with BusReceiver(endpoint, bind=True, options=BusOptions(curve=server)) as receiver:
        for count in range(200):
            with socket.create_connection((host, port), 5) as caller:
                caller.sendall((GREETING if count % 2 else b"") + os.urandom(1 + 7 * count))
            assert receiver.receive(0) is None
        assert receiver.receive(0.3) is None
        assert receiver.statistics().received == 0
        options = BusOptions(curve=friend)
        with BusSender(endpoint, source="friend", bind=False, options=options) as sender:
            assert sender.send(Message("hello", {}), 10)
            heard = receiver.receive(10)
        assert heard is not None
        assert heard.kind == "hello"


@pytest.mark.parametrize(
    "endpoint", ["tcp://0.0.0.0:5555", "tcp://*:5555", "tcp://192.168.1.5:5555", "tcp://[::]:5555"]
)
def test_no_port_beyond_this_machine_opens_without_keys(endpoint: str) -> None:
    with pytest.raises(LocalError, match="keeps to this machine"):
        BusReceiver(endpoint, bind=True)
    with pytest.raises(LocalError, match="keeps to this machine"):
        BusSender(endpoint, source="x", bind=False)


def test_keys_that_let_everybody_in_are_refused() -> None:
    public, secret = zmq.curve_keypair()
    with pytest.raises(LocalError, match="without peers"):
        CurveKeys(public, secret, frozenset())
