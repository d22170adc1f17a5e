"""The real server on a free port of this machine, in the test's own event loop."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from tacit.pipeline.config import Settings
from tacit.pipeline.live.engine import LiveEngine
from tacit.pipeline.server.app import make_app
from tacit.pipeline.server.desk import Desk, DeskOptions, EngineListener
from tacit.pipeline.server.guard import Access
from tacit.pipeline.server.recordings import RecordingRules

OWN = {"purpose": "test", "consent": "tests"}
TERMS = {"participant": "p1", "purpose": "demo", "consent": "asked-1"}


@dataclass(slots=True)
class Running:
    """An engine and what listens to it.

    Attributes:
        engine: started or not.
        listener: what it tells.
    """

    engine: LiveEngine
    listener: EngineListener = field(default_factory=EngineListener)


def idle() -> Running:
    """An engine that was never started: good for what needs no session."""
    listener = EngineListener()
    return Running(LiveEngine(Settings(asr="off"), listener), listener)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """A started engine with its workers, for all tests of a file."""
    made = idle()
    made.engine.start()
    made.engine.wait_ready(240)
    yield made
    made.engine.close()


@dataclass(slots=True)
class Client:
    """A caller, with the server's inside at hand."""

    http: aiohttp.ClientSession
    desk: Desk
    port: int

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        async with self.http.request(method, path, **options) as response:
            text = await response.text()
            kind = response.content_type
            return response.status, json.loads(text) if kind == "application/json" else text


@contextlib.asynccontextmanager
async def serving(
    running: Running,
    *,
    token: str = "",
    origins: tuple[str, ...] = (),
    sessions: int = 4,
    cameras: tuple[str, ...] = (),
    recording: RecordingRules | None = None,
) -> AsyncIterator[Client]:
    """Serve until the block is left."""
    port = unused_port()
    host = f"127.0.0.1:{port}"
    access = Access(frozenset({host}), frozenset({f"http://{host}", *origins}), token)
    options = DeskOptions(
        own_terms=OWN, sessions=sessions, local=True, cameras=cameras, recording=recording
    )
    desk = Desk(running.engine, running.listener, options)
    runner = web.AppRunner(make_app(desk, access), shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        async with aiohttp.ClientSession(f"http://{host}") as http:
            yield Client(http, desk, port)
    finally:
        await runner.cleanup()


async def messages(
    socket: aiohttp.ClientWebSocketResponse, kind: str, count: int, limit_s: float = 60.0
) -> list[dict[str, Any]]:
    """The next so many messages of a type."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(limit_s):
        while len(found) < count:
            message = await socket.receive()
            assert message.type == aiohttp.WSMsgType.TEXT, message
            fields = json.loads(message.data)
            if fields["type"] == kind:
                found.append(fields)
    return found
