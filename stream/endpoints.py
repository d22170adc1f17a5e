"""Where bus ends meet: checked addresses, private runtime folders, CURVE keys."""

import ipaddress
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import zmq

from .errors import BusError, LocalError
from .limits import MAX_IPC_PATH_BYTES

Scheme = Literal["ipc", "inproc", "tcp"]
_FALLBACK_FOLDER: Final = "/tmp"


@dataclass(frozen=True, slots=True)
class CurveKeys:
    """Keys of one bus end for encrypted, authenticated TCP; Z85 text of 40 bytes each.

    Attributes:
        public: this end's public key.
        secret: this end's secret key; never shown.
        peers: public keys of the other side: those let in where this end binds, the one server
            where it connects.
    """

    public: bytes
    secret: bytes = field(repr=False)
    peers: frozenset[bytes]

    def __post_init__(self) -> None:
        """Refuse an end that would let everybody in, or nobody."""
        if not self.peers:
            raise LocalError("CURVE keys without peers: name the public keys that may take part")


def new_shared_keys() -> CurveKeys:
    """Keys for ends that trust one another, such as the processes of one session."""
    public, secret = zmq.curve_keypair()
    return CurveKeys(public, secret, frozenset({public}))


def check_endpoint(endpoint: str, *, encrypted: bool) -> Scheme:
    """Check an address before it is used.

    Args:
        endpoint: `ipc://PATH`, `inproc://NAME` or `tcp://HOST:PORT`.
        encrypted: whether CURVE keys are at hand.

    Returns:
        Its scheme.

    Raises:
        BusError: the path of an ipc endpoint is longer than a socket address can hold.
        LocalError: unknown scheme, or TCP beyond loopback without CURVE keys.
    """
    scheme, _, rest = endpoint.partition("://")
    if scheme == "inproc" and rest:
        return "inproc"
    if scheme == "ipc" and rest:
        size = len(os.fsencode(rest))
        if size > MAX_IPC_PATH_BYTES:
            raise BusError(
                f"{endpoint}: the path has {size} bytes, a socket path holds"
                f" {MAX_IPC_PATH_BYTES}; use a shorter folder (XDG_RUNTIME_DIR)"
            )
        return "ipc"
    if scheme == "tcp" and rest.rpartition(":")[0]:
        host = rest.rpartition(":")[0].strip("[]")
        if not encrypted and not _is_loopback(host):
            raise LocalError(
                f"{endpoint}: without CURVE keys the bus keeps to this machine;"
                " use ipc://, tcp://127.0.0.1 or give keys"
            )
        return "tcp"
    raise LocalError(f"{endpoint}: an endpoint is ipc://PATH, inproc://NAME or tcp://HOST:PORT")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_taken(path: str) -> bool:
    """Whether somebody listens on an ipc path; libzmq would silently take it over."""
    if not Path(path).is_socket():
        return False
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(0.2)
        try:
            caller.connect(path)
        except OSError:
            return False
        return True


@dataclass(slots=True)
class BusPlace:
    """Endpoints of one session; give it to the session's processes as it is.

    Attributes:
        folder: private folder of the ipc sockets; None where ipc does not exist.
        curve: keys that every end uses with loopback TCP; None with ipc.
    """

    folder: str | None
    curve: CurveKeys | None
    _ports: dict[str, int] = field(default_factory=dict)

    def endpoint(self, name: str) -> str:
        """The endpoint of a name; ask for each name once before processes are started.

        Raises:
            BusError: the path is too long for a socket.
        """
        if self.folder is not None:
            address = f"ipc://{self.folder}/{name}"
        else:
            if name not in self._ports:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", 0))
                    self._ports[name] = probe.getsockname()[1]
            address = f"tcp://127.0.0.1:{self._ports[name]}"
        check_endpoint(address, encrypted=self.curve is not None)
        return address


@contextmanager
def bus_place(*, ipc: bool | None = None) -> Iterator[BusPlace]:
    """Make a private place for the endpoints of one session, and remove it at the end.

    Args:
        ipc: use ipc sockets in a folder of mode 0700; None: wherever the system has them, else
            loopback TCP with CURVE.

    Yields:
        The place.

    Raises:
        BusError: no folder can be made.
    """
    if not (bool(zmq.has("ipc")) if ipc is None else ipc):
        yield BusPlace(None, new_shared_keys())
        return
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    if len(os.fsencode(base)) > MAX_IPC_PATH_BYTES // 2:
        base = _FALLBACK_FOLDER
    try:
        made = tempfile.TemporaryDirectory(prefix="tacit-", dir=base, ignore_cleanup_errors=True)
    except OSError as error:
        raise BusError(f"{base}: no runtime folder can be made there ({error.strerror})") from error
    with made as folder:
        yield BusPlace(folder, None)
