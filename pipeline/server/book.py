"""What the server knows of its sessions: who, what for, how they are doing, last values.

Nothing is written anywhere; when consent is withdrawn, what is here of a session goes at once.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ...stream.limits import PEER_GONE_NS
from ...stream.packet import MODALITIES, NS_PER_MS, Modality
from ..consent import Terms
from ..events import (
    Event,
    MeasurementResult,
    MeasurementRevised,
    SensorHealth,
    SessionClosed,
    SessionReady,
    to_json_line,
)
from ..live.damage import Injected
from ..live.handle import LiveHandle
from .recordings import Recording
from .viewers import Audience, Importance, Line

News = list[tuple[str, str]]
"""Code and message of each thing that became of a recording."""

MOST_ENDED: Final = 64
"""Ended sessions that are still answered for."""


@dataclass(slots=True)
class Served:
    """One session.

    Attributes:
        terms: under which it runs.
        source: "webrtc", "sample", "upload" or "device".
        handle: into the engine; what runs ends with it.
        state: "connecting", "live" or "ended".
        stop: ends its source.
        injected: what is broken on purpose.
        ready: its first event.
        health: last change of each modality.
        result: last result.
        ended: set when its last event has come.
        lasts: it goes on although its source is silent, which is looked for.
        needs_viewer: it ends soon after nobody watches it any more.
        recording: keeps it, where somebody asked for that.
    """

    terms: Terms
    source: str
    handle: LiveHandle
    state: str = "connecting"
    stop: Callable[[], Awaitable[None]] | None = None
    injected: list[Injected] = field(default_factory=list)
    ready: Line | None = None
    health: dict[Modality, tuple[SensorHealth, Line]] = field(default_factory=dict)
    result: Line | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    lasts: bool = False
    needs_viewer: bool = False
    watched_ns: int = 0
    recording: Recording | None = None

    def given_up(self, watched: bool) -> bool:
        """Whether nothing has come from its source, or nobody has watched it, for too long.

        Args:
            watched: whether somebody watches it now.
        """
        now_ns = self.handle.now_ns()
        if watched:
            self.watched_ns = now_ns
        if self.needs_viewer and now_ns - self.watched_ns > PEER_GONE_NS:
            return True
        return not self.lasts and now_ns - self.handle.heard_ns > PEER_GONE_NS

    def as_json(self) -> dict[str, Any]:
        """SESSION of the API."""
        now_ns = self.handle.now_ns()
        return {
            "session_id": self.handle.session_id,
            "participant": self.terms.participant,
            "source": self.source,
            "purpose": self.terms.purpose,
            "state": self.state,
            "t_ms": now_ns // NS_PER_MS,
            "injected": [injected_json(i) for i in self.injected],
            "health": {
                m: {"state": change.state, "reason": change.reason}
                for m, (change, _) in self.health.items()
            },
            "recording": None if self.recording is None else self.recording.as_json(),
        }

    def recording_line(self) -> Line | None:
        """What viewers are told of its recording; None where there is none."""
        if self.recording is None:
            return None
        return self.recording.line(self.handle.session_id, self.terms.participant)

    def last_lines(self) -> list[Line]:
        """What a viewer that comes late has to know."""
        lines = [self.ready, self.recording_line(), *(line for _, line in self.health.values())]
        lines.append(self.result)
        return [line for line in lines if line is not None]


def injected_json(injected: Injected) -> dict[str, Any]:
    """One broken sensor as the API shows it."""
    return {
        "modality": injected.modality,
        "kind": injected.kind,
        "since_ms": injected.t0_ns // NS_PER_MS,
        "until_ms": None if injected.t1_ns is None else injected.t1_ns // NS_PER_MS,
    }


class Book:
    """All sessions; belongs to the event loop's thread.

    Args:
        audience: is told of all events.
        count: is shown every event.
        say: is told what became of a session's recording.
    """

    def __init__(
        self,
        audience: Audience,
        count: Callable[[Event], None],
        say: Callable[[str, News], None] = lambda _session_id, _news: None,
    ) -> None:
        self._audience = audience
        self._count = count
        self._say = say
        self._served: dict[str, Served] = {}
        self._early: dict[str, list[Event]] = {}

    @property
    def live(self) -> list[Served]:
        """Sessions that have not ended."""
        return [s for s in self._served.values() if s.state != "ended"]

    @property
    def all(self) -> list[Served]:
        """All sessions that are remembered."""
        return list(self._served.values())

    def get(self, session_id: str) -> Served | None:
        """A session, if it is known."""
        return self._served.get(session_id)

    def add(self, served: Served) -> None:
        """Take in a new session."""
        self._served[served.handle.session_id] = served
        self.note(served.handle.session_id, self._early.pop(served.handle.session_id, []))
        ended = [name for name, s in self._served.items() if s.state == "ended"]
        for name in ended[:-MOST_ENDED]:
            del self._served[name]

    def forget(self, session_id: str) -> list[str]:
        """Delete all that is kept of a session.

        Returns:
            what there was.
        """
        served = self._served.pop(session_id, None)
        if served is None:
            return []
        kept = {
            "events": served.ready is not None,
            "health": bool(served.health),
            "results": served.result is not None,
        }
        return [name for name, there in kept.items() if there]

    def note(self, session_id: str, events: list[Event]) -> None:
        """Events came out of a session."""
        served = self._served.get(session_id)
        if served is None:
            # The engine's thread may be quicker than the one that opened the session.
            first = next((e for e in events if isinstance(e, SessionReady)), None)
            if first is not None or session_id in self._early:
                self._early.setdefault(session_id, []).extend(events)
            return
        for event in events:
            self._audience.tell([self._note(served, event), *self._keep(served, event)])

    def note_views(self, session_id: str, views: list[dict[str, Any]]) -> None:
        """What only viewers get came out of a session."""
        served = self._served.get(session_id)
        if served is None:
            return
        named = {"session_id": session_id, "participant": served.terms.participant}
        now_ns = time.monotonic_ns()
        self._audience.tell(
            Line(session_id, json.dumps({**view, **named}), "view", now_ns) for view in views
        )

    def _keep(self, served: Served, event: Event) -> list[Line]:
        """Record an event where that was asked for, and say what viewers have to know of it."""
        if served.recording is None:
            return []
        news = served.recording.event(event)
        if news:
            self._say(event.session_id, news)
        line = served.recording_line() if news or isinstance(event, SessionReady) else None
        return [] if line is None else [line]

    def _note(self, served: Served, event: Event) -> Line:
        self._count(event)
        importance: Importance = "fact"
        if isinstance(event, MeasurementResult | MeasurementRevised):
            importance = "result"
        line = Line(event.session_id, to_json_line(event), importance, time.monotonic_ns())
        match event:
            case SessionReady():
                served.ready = line
                if served.state == "connecting" and served.source != "webrtc":
                    served.state = "live"
            case SensorHealth():
                served.health[event.modality] = (event, line)
            case MeasurementResult():
                served.result = line
            case SessionClosed():
                served.state = "ended"
                served.ended.set()
        return line


MODALITY_NAMES: Final = frozenset(MODALITIES)
