"""Who watches sessions: web sockets and data channels, each with a bounded queue.

A viewer that is slow loses what is soonest out of date first, and is given up when it falls a
second behind; nobody else notices.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from ...stream.limits import SOCKET_LAG_NS, VIEWER_QUEUE
from ..handover import Handover, HandoverBook

Importance = Literal["view", "result", "fact"]
_ORDER: Final[tuple[Importance, ...]] = ("view", "result", "fact")


@dataclass(frozen=True, slots=True)
class Line:
    """One JSON message.

    Attributes:
        session_id: what it is about.
        text: the JSON.
        importance: "view" and "result" are soon followed by newer ones, a "fact" is not.
        t_ns: when it was made, monotonic clock.
    """

    session_id: str
    text: str
    importance: Importance
    t_ns: int


class Viewer:
    """One watcher's queue; belongs to the event loop's thread.

    Args:
        sessions: which sessions it follows; None for all, also those to come.
    """

    def __init__(self, sessions: frozenset[str] | None) -> None:
        self.sessions: Final = sessions
        self.offered = self.used = self.dropped = 0
        self._lines: deque[Line] = deque()
        self._filled = asyncio.Event()
        self._closed = False

    def follows(self, session_id: str) -> bool:
        """Whether it wants to know of a session."""
        return self.sessions is None or session_id in self.sessions

    def offer(self, line: Line) -> None:
        """Queue a line; when there is no room the oldest of the least important goes."""
        if self._closed:
            return
        self.offered += 1
        if len(self._lines) >= VIEWER_QUEUE:
            self._make_room()
        self._lines.append(line)
        self._filled.set()

    async def take(self) -> Line | None:
        """The next line; None when the viewer was closed."""
        while not self._lines:
            if self._closed:
                return None
            self._filled.clear()
            await self._filled.wait()
        self.used += 1
        return self._lines.popleft()

    @property
    def handover(self) -> Handover:
        """Where its lines went."""
        dropped = {"viewer_slow": self.dropped} if self.dropped else {}
        return Handover("viewers", "all", self.offered, self.used, dropped, len(self._lines))

    def behind(self, now_ns: int) -> bool:
        """Whether it is too slow to be served."""
        return bool(self._lines) and now_ns - self._lines[0].t_ns > SOCKET_LAG_NS

    def close(self) -> None:
        """Give out what is queued, then None."""
        self._closed = True
        self._filled.set()

    def _make_room(self) -> None:
        self.dropped += 1
        for importance in _ORDER:
            for index, line in enumerate(self._lines):
                if line.importance == importance:
                    del self._lines[index]
                    return


class Audience:
    """All viewers."""

    def __init__(self) -> None:
        self._viewers: dict[Viewer, Callable[[], None] | None] = {}
        self._gone = HandoverBook()

    def __len__(self) -> int:
        return len(self._viewers)

    @property
    def dropped(self) -> int:
        """Lines that viewers at present were too slow for."""
        return sum(viewer.dropped for viewer in self._viewers)

    def follows(self, session_id: str) -> bool:
        """Whether anybody watches a session."""
        return any(viewer.follows(session_id) for viewer in self._viewers)

    def handovers(self) -> list[Handover]:
        """Where all lines went, those of viewers that have left included."""
        return self._gone.rows(viewer.handover for viewer in self._viewers)

    def add(self, viewer: Viewer, give_up: Callable[[], None] | None = None) -> None:
        """Take in a viewer; `give_up` ends it when it is too slow."""
        self._viewers[viewer] = give_up

    def remove(self, viewer: Viewer) -> None:
        """Let a viewer go."""
        viewer.close()
        if viewer in self._viewers:
            del self._viewers[viewer]
            # What it still takes out of its queue afterwards counts as lost.
            self._gone.close([viewer.handover])

    def tell(self, lines: Iterable[Line]) -> None:
        """Give lines to all who follow their sessions."""
        for line in lines:
            for viewer in self._viewers:
                if viewer.follows(line.session_id):
                    viewer.offer(line)

    def look_after(self, now_ns: int) -> None:
        """Give up viewers that are too slow."""
        for viewer, give_up in list(self._viewers.items()):
            if viewer.behind(now_ns) and give_up is not None:
                self.remove(viewer)
                give_up()
