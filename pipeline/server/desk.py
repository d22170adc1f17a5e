"""Opens and ends sessions, and carries what the engine gives to those who watch."""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from aiohttp import web

from ...models.errors import ModelError
from ...stream.limits import MAX_SESSIONS, MAX_STARTS_PER_MINUTE
from ..consent import Terms
from ..events import Event
from ..handover import Handover
from ..inject import InjectError
from ..live.engine import EngineError, LiveEngine, Opening
from ..live.session import LiveSession
from ..telemetry import Telemetry
from .book import Book, News, Served
from .errors import ApiError
from .finder import Finder
from .guard import Pace
from .recordings import Recording, RecordingRules, Recordings
from .viewers import Audience

CARE_S: Final = 0.25
END_WAIT_S: Final = 3.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeskOptions:
    """What the operator chose.

    Attributes:
        ice_servers: addresses of STUN or TURN servers; none by default, so that nothing is asked
            beyond this machine.
        own_terms: terms of programs on this machine that state none; empty to ask them too.
        sessions: most at a time.
        local: only callers on this machine can reach the server, not even through a proxy.
        cameras: names or addresses of cameras that the system does not list.
        recording: where sessions may be kept; None for nowhere.
    """

    ice_servers: tuple[str, ...] = ()
    own_terms: Mapping[str, str] = field(default_factory=dict)
    sessions: int = MAX_SESSIONS
    local: bool = False
    cameras: tuple[str, ...] = ()
    recording: RecordingRules | None = None


class EngineListener:
    """Brings what the engine's thread gives to the event loop's."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._book: Book | None = None

    def attach(self, loop: asyncio.AbstractEventLoop, book: Book) -> None:
        """Say where to."""
        self._loop, self._book = loop, book

    def events(self, session_id: str, events: list[Event]) -> None:
        """Events, in order."""
        if self._loop is not None and self._book is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._book.note, session_id, events)

    def views(self, session_id: str, views: list[dict[str, Any]]) -> None:
        """What only viewers get."""
        if self._loop is not None and self._book is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._book.note_views, session_id, views)


class Desk:
    """Opens and ends sessions; belongs to the event loop's thread.

    Args:
        engine: runs them.
        listener: was given to the engine.
        options: see `DeskOptions`.
    """

    def __init__(self, engine: LiveEngine, listener: EngineListener, options: DeskOptions) -> None:
        self.engine: Final = engine
        self.options: Final = options
        self.audience: Final = Audience()
        self.telemetry: Final = Telemetry(self._gauges, self._handovers)
        self.book: Final = Book(self.audience, self.telemetry.note, self._say)
        self.finder: Final = Finder(options.cameras)
        self.recordings: Final = Recordings(options.recording, log.warning)
        self._listener = listener
        self._lag_s = 0.0
        self._pace = Pace(MAX_STARTS_PER_MINUTE)
        self._care: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Start to listen to the engine and to look after sessions."""
        self._listener.attach(asyncio.get_running_loop(), self.book)
        self._care = asyncio.create_task(self._look_after(), name="tacit-care")

    def check_room(self) -> None:
        """Refuse one session more than there may be.

        Raises:
            ApiError: too many run.
        """
        if len(self.book.live) >= self.options.sessions:
            raise ApiError(
                "too_many_sessions",
                f"{self.options.sessions} sessions run already; stop one, or wait",
                10,
            )

    async def open(self, terms: Terms, opening: Opening, wishes: Mapping[str, Any]) -> Served:
        """Open a session.

        Args:
            terms: under which it runs.
            opening: what it is.
            wishes: fields of the request; `record` asks for the session to be kept.

        Raises:
            ApiError: not ready, too many, or what was asked for cannot be done.
        """
        self._pace.take()
        self.check_room()
        kept: Recording | None = None
        wish = self.recordings.wished(wishes)
        if wish:
            kept = await self.recordings.begin(terms, wish)
            opening = kept.opening(opening, lambda: self.engine.overload_level > 0)
        try:
            handle = self.engine.open(opening)
        except (EngineError, InjectError, ModelError) as exc:
            if kept is not None:
                await kept.discard()
            if isinstance(exc, InjectError):
                raise ApiError("bad_request", str(exc)) from exc
            raise ApiError("failed" if self.engine.failure else "starting", str(exc), 2) from exc
        served = Served(terms, opening.source, handle, recording=kept)
        self.book.add(served)
        return served

    async def stop(self, served: Served) -> None:
        """End a session; its last events still come."""
        stop, served.stop = served.stop, None
        served.handle.end("end")
        if stop is not None:
            await stop()

    async def withdraw(self, served: Served) -> list[str]:
        """End a session whose participant withdraws consent, and delete what is kept of it.

        Returns:
            what was deleted.
        """
        await self.stop(served)
        with suppress(TimeoutError):
            await asyncio.wait_for(served.ended.wait(), END_WAIT_S)
        forgotten = self.book.forget(served.handle.session_id)
        if served.recording is not None:
            await served.recording.discard()
            forgotten.append("recording")
        return forgotten

    async def close(self) -> None:
        """End everything but the engine."""
        if self._care is not None:
            self._care.cancel()
        running = self.book.live
        await asyncio.gather(*(self.stop(served) for served in running))
        for served in running:
            if served.recording is not None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(served.ended.wait(), END_WAIT_S)
        await self._complete(self.book.all)

    async def _complete(self, ended: Iterable[Served]) -> None:
        """Complete the files of sessions that have ended."""
        for served in ended:
            if served.recording is not None and not served.recording.ended:
                await served.recording.close()
                line = served.recording_line()
                self.audience.tell([] if line is None else [line])

    def _say(self, session_id: str, news: News) -> None:
        """Have it said in a session what became of its recording."""
        for code, message in news:
            self.engine.ask(session_id, partial(_note, code, message))

    def _gauges(self) -> dict[str, float]:
        return {
            "sessions": len(self.book.live),
            "viewers": len(self.audience),
            "viewer_lines_dropped": self.audience.dropped,
            "ready": float(self.engine.ready),
            "overload_level": float(self.engine.overload_level),
            "loop_lag_seconds": self._lag_s,
            "tasks": len(asyncio.all_tasks()),
            **{f"worker_{name}": float(count) for name, count in self.engine.care().items()},
        }

    def _handovers(self) -> list[Handover]:
        return [*self.engine.handovers, *self.audience.handovers()]

    async def _look_after(self) -> None:
        while True:
            asked_s = time.monotonic()
            await asyncio.sleep(CARE_S)
            self._lag_s = max(0.0, time.monotonic() - asked_s - CARE_S)
            self.audience.look_after(time.monotonic_ns())
            for served in self.book.live:
                if served.given_up(self.audience.follows(served.handle.session_id)):
                    await self.stop(served)
            await self._complete(s for s in self.book.all if s.state == "ended")
            await self.recordings.look_after()


def _note(code: str, message: str, session: LiveSession) -> None:
    session.note(code, message)


DESK: Final = web.AppKey("desk", Desk)
"""Where an application keeps its desk."""
