"""Runs the server until it is told to stop."""

import asyncio
import ctypes
import gc
import signal
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from ...stream.webrtc import include_loopback, stay_with_slow_peers
from ..config import ConfigError, Settings
from ..live.engine import LiveEngine
from .app import make_app
from .desk import Desk, DeskOptions, EngineListener
from .guard import Access

SHUTDOWN_S: Final = 2.0
TIDY_S: Final = 30.0
"""Between two times at which free memory is given back; it takes some milliseconds."""
OWN_TERMS: Final = {"purpose": "test", "consent": "operator of this machine"}
"""Terms of programs on this machine that state none: whoever runs both tries Tacit out."""


class Address:
    """Where to listen, and who may ask there.

    Args:
        host: address or name.
        port: 0 for any free one.
        token: what callers must show; empty for none.
        origins: pages that may use the server, besides its own.
        cert: certificate chain for TLS; None for none.
        key: its key.

    Raises:
        ConfigError: the certificate cannot be used.
    """

    def __init__(
        self,
        host: str,
        port: int,
        token: str,
        origins: tuple[str, ...],
        cert: Path | None,
        key: Path | None,
    ) -> None:
        self.host, self.port, self.token = host, port, token
        self._origins = origins
        self.tls: ssl.SSLContext | None = None
        if cert is not None and key is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            try:
                self.tls.load_cert_chain(cert, key)
            except (OSError, ssl.SSLError) as exc:
                raise ConfigError(f"--tls-cert {cert}: cannot be used: {exc}") from exc

    def access(self, port: int) -> Access:
        """Who may ask, once the port is known."""
        names = {self.host, "localhost", "127.0.0.1", "[::1]"}
        hosts = {f"{name}:{port}" for name in names} | (names if port in (80, 443) else set())
        scheme = "https" if self.tls else "http"
        own = {f"{scheme}://{host}" for host in hosts}
        named = {origin.partition("://")[2] for origin in self._origins}
        return Access(frozenset(hosts | named), frozenset(own | set(self._origins)), self.token)

    def url(self, port: int) -> str:
        """What to open in a browser."""
        scheme = "https" if self.tls else "http"
        query = f"?token={self.token}" if self.token else ""
        return f"{scheme}://{self.host}:{port}/{query}"


async def serve(
    settings: Settings,
    address: Address,
    options: DeskOptions,
    opened: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: of all sessions.
        address: where, and who may ask.
        options: see `DeskOptions`.
        opened: told the address once it can be asked.

    Raises:
        ConfigError: the address is taken.
        ModelError: weights are missing or damaged.
    """
    include_loopback()
    stay_with_slow_peers()
    listener = EngineListener()
    engine = LiveEngine(settings, listener)
    desk = Desk(engine, listener, options)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    door = await _listen(address)
    port = door.getsockname()[1]
    runner = web.AppRunner(
        make_app(desk, address.access(port)), access_log=None, shutdown_timeout=SHUTDOWN_S
    )
    await runner.setup()
    await web.SockSite(runner, door, ssl_context=address.tls).start()
    engine.start()
    keep_what_is_loaded()
    tidying = asyncio.create_task(_tidy_memory(), name="tacit-memory")
    opened(address.url(port))
    try:
        await stop.wait()
    finally:
        tidying.cancel()
        await runner.cleanup()
        await asyncio.to_thread(engine.close)


def keep_what_is_loaded() -> None:
    """Leave all that exists now out of garbage collection.

    The oldest generation is collected only once a quarter as much as it holds has been added.
    Beside 300 000 objects of libraries, garbage of sessions would pile up for most of an hour.
    """
    gc.collect()
    gc.freeze()


def give_back_memory() -> bool:
    """Hand free pages of the heap back to the system, which glibc does only at the heap's end.

    A moment in which many pictures wait would else stay as memory for as long as the server runs.

    Returns:
        whether there was anything to give back; False where the C library has no such call.
    """
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (AttributeError, OSError, TypeError):
        return False


async def _tidy_memory() -> None:
    while True:
        await asyncio.sleep(TIDY_S)
        await asyncio.to_thread(give_back_memory)


async def _listen(address: Address) -> socket.socket:
    try:
        family, kind, proto, _, where = (
            await asyncio.get_running_loop().getaddrinfo(
                address.host, address.port, type=socket.SOCK_STREAM
            )
        )[0]
        listener = socket.socket(family, kind, proto)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(128)
    except OSError as exc:
        raise ConfigError(
            f"--port {address.port}: cannot listen on {address.host}:{address.port} "
            f"({exc.strerror}); stop what uses it, or choose another with --port"
        ) from exc
    listener.setblocking(False)
    return listener
