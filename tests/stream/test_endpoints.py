import os
import stat
from pathlib import Path

import pytest
import zmq

from tacit.stream.endpoints import CurveKeys, bus_place, check_endpoint
from tacit.stream.errors import BusError, LocalError


@pytest.mark.parametrize(
    ("endpoint", "scheme"),
    [
        ("ipc:///tmp/x", "ipc"),
        ("inproc://x", "inproc"),
        ("tcp://127.0.0.1:5555", "tcp"),
        ("tcp://127.8.8.8:1", "tcp"),
        ("tcp://[::1]:5555", "tcp"),
        ("tcp://localhost:5555", "tcp"),
    ],
)
def test_endpoints_of_this_machine_are_allowed(endpoint: str, scheme: str) -> None:
    assert check_endpoint(endpoint, encrypted=False) == scheme


@pytest.mark.parametrize(
    "endpoint",
    ["tcp://*:5555", "tcp://0.0.0.0:1", "tcp://10.0.0.1:1", "tcp://[::]:1", "tcp://a.example:1"],
)
def test_tcp_beyond_loopback_needs_keys(endpoint: str) -> None:
    with pytest.raises(LocalError, match="without CURVE keys the bus keeps to this machine"):
        check_endpoint(endpoint, encrypted=False)
    assert check_endpoint(endpoint, encrypted=True) == "tcp"


@pytest.mark.parametrize("endpoint", ["", "udp://x:1", "ipc://", "tcp://", "tcp://5555", "x"])
def test_other_endpoints_are_refused(endpoint: str) -> None:
    with pytest.raises(LocalError, match="an endpoint is ipc://PATH"):
        check_endpoint(endpoint, encrypted=True)


def test_a_path_too_long_for_a_socket_is_named() -> None:
    check_endpoint("ipc:///" + "x" * 106, encrypted=False)
    with pytest.raises(BusError, match="the path has 108 bytes, a socket path holds 107"):
        check_endpoint("ipc:///" + "x" * 107, encrypted=False)


def test_the_place_is_private_and_goes_away() -> None:
    with bus_place(ipc=True) as place:
        assert place.folder is not None
        folder = Path(place.folder)
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
        assert place.endpoint("a") == f"ipc://{folder}/a"
        (folder / "a").touch()
    assert not folder.exists()


def test_a_deep_runtime_folder_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    with bus_place(ipc=True) as place:
        assert check_endpoint(place.endpoint("a"), encrypted=False) == "ipc"


def test_a_runtime_folder_that_cannot_be_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/nowhere")
    with pytest.raises(BusError, match="/nowhere: no runtime folder can be made"), bus_place():
        pass


def test_without_ipc_the_place_is_encrypted_loopback() -> None:
    with bus_place(ipc=False) as place:
        assert place.curve is not None
        assert place.endpoint("a").startswith("tcp://127.0.0.1:")
        assert place.endpoint("a") == place.endpoint("a") != place.endpoint("b")


def test_keys_name_their_peers_and_hide_the_secret() -> None:
    public, secret = zmq.curve_keypair()
    with pytest.raises(LocalError, match="without peers"):
        CurveKeys(public, secret, frozenset())
    assert secret.decode() not in repr(CurveKeys(public, secret, frozenset({public})))
