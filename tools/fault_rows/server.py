"""The real server over an engine, in a thread of its own."""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar

import aiohttp
from aiohttp import web

from tacit.pipeline.live.engine import LiveEngine
from tacit.pipeline.server.app import make_app
from tacit.pipeline.server.desk import Desk, DeskOptions, EngineListener
from tacit.pipeline.server.guard import Access
from tacit.stream.webrtc import include_loopback

T = TypeVar("T")
PATIENCE_S: Final = 60.0
OWN_TERMS: Final = {"purpose": "test", "consent": "fault table"}


class Server:
    """The server in a thread of its own, on a free port of this machine.

    Args:
        engine: started, or not, for what needs no session.
        listener: brings it what the engine tells.
        hosts: further addresses to listen on.
    """

    def __init__(
        self, engine: LiveEngine, listener: EngineListener, hosts: tuple[str, ...] = ()
    ) -> None:
        include_loopback()
        self.port = free_port()
        self._hosts = ("127.0.0.1", *hosts)
        self._engine, self._listener = engine, listener
        self.tasks_before = 0
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name="fault-server", daemon=True)
        self._up = threading.Event()
        self._stop = asyncio.Event()
        self._thread.start()
        assert self._up.wait(30), "the server did not start"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, work: Coroutine[Any, Any, T], limit_s: float = PATIENCE_S) -> T:
        """Run something on the server's event loop and wait for it."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result(limit_s)

    def tasks(self) -> int:
        """How many tasks run on its event loop."""

        async def count() -> int:
            return len(asyncio.all_tasks())

        return self.ask(count())

    def close(self) -> None:
        """End it."""
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _main(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve())
        self.loop.close()

    async def _serve(self) -> None:
        names = [f"{host}:{self.port}" for host in self._hosts]
        access = Access(frozenset(names), frozenset(f"http://{name}" for name in names), "")
        options = DeskOptions(own_terms=OWN_TERMS)
        self.desk = Desk(self._engine, self._listener, options)
        runner = web.AppRunner(make_app(self.desk, access), shutdown_timeout=1.0)
        await runner.setup()
        for host in self._hosts:
            await web.TCPSite(runner, host, self.port).start()
        self._up.set()
        await self._stop.wait()
        await runner.cleanup()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def call(method: str, url: str, **options: Any) -> tuple[int, str]:
    """One HTTP request: status and body."""
    limit = aiohttp.ClientTimeout(total=30)
    async with (
        aiohttp.ClientSession(timeout=limit) as http,
        http.request(method, url, **options) as answer,
    ):
        return answer.status, await answer.text()
