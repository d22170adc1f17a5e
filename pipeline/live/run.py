"""One live session on the devices of this machine, as a stream of events."""

import queue
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from ...models.features import Modality
from ...stream.packet import NS_PER_S
from ..config import Settings
from ..events import Event, SessionClosed
from ..journal import CloseReason
from ..recorder import Recorder
from .devices import DEVICE_LOST, DeviceSource
from .engine import LiveEngine, Opening
from .handle import LiveHandle
from .session import LiveSession
from .taping import recorded_opening

READY_S: Final = 60.0
CLOSE_S: Final = 5.0
_TURN_S: Final = 0.2


class LiveRun:
    """Runs the session; iterate over it once.

    Args:
        settings: of the run.
        devices: per modality ("audio", "face") the name of the device; one that is not named takes
            no part.
        opening: what the session is.
        seconds: how long it lasts; None until it is interrupted.
        recorder: keeps the session.

    Raises:
        CheckpointError: weights are missing or damaged.
        ModelError: the speech model that was asked for is not there.
    """

    def __init__(
        self,
        settings: Settings,
        devices: Mapping[Modality, str],
        opening: Opening,
        seconds: float | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.duration_ms: Final = round((seconds or 0) * 1000)
        self._settings = settings
        self._devices = dict(devices)
        self._opening = opening
        self._recorder = recorder
        if recorder is not None:
            self._opening = recorded_opening(recorder, opening, self._overloaded)
        self._seconds = seconds
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._engine = LiveEngine(settings, self, most=1)
        self._handle: LiveHandle | None = None
        self._source: DeviceSource | None = None
        self._windows = 0

    def __iter__(self) -> Iterator[Event]:
        """Load the models, open the devices, and give events until the end.

        Raises:
            EngineError: the models cannot be loaded, or the recognizer stays down.
        """
        self._engine.start()
        self._engine.wait_ready(READY_S)
        self._handle = handle = self._engine.open(self._opening)
        self._source = DeviceSource(handle, self._devices, self._settings, self)
        self._source.start()
        due_ns = None if self._seconds is None else round(self._seconds * NS_PER_S)
        try:
            while not self._engine.failure:
                if due_ns is not None and handle.now_ns() >= due_ns:
                    handle.end()
                    due_ns = None
                event = self._next(_TURN_S)
                if event is None:
                    continue
                yield event
                if isinstance(event, SessionClosed):
                    return
            self._engine.wait_ready(0)
        finally:
            self._source.close()
            if handle.ending is not None:
                self._engine.close()

    def close(self, reason: CloseReason) -> list[Event]:
        """End the session; gives its last events."""
        found: list[Event] = []
        if self._handle is not None and not self._handle.closed:
            self._handle.end(reason)
            deadline_ns = time.monotonic_ns() + round(CLOSE_S * NS_PER_S)
            while time.monotonic_ns() < deadline_ns:
                event = self._next(_TURN_S)
                found += [event] if event is not None else []
                if isinstance(event, SessionClosed):
                    break
        self._engine.close()
        return found

    def summary(self) -> str:
        """What was done, in one line."""
        lasted_s = self._handle.now_ns() / NS_PER_S if self._handle is not None else 0.0
        return f"{self._windows} windows in {lasted_s:.1f} s"

    def events(self, _session_id: str, events: list[Event]) -> None:
        """Called by the engine."""
        for event in events:
            self._events.put(event)

    def views(self, _session_id: str, _views: list[dict[str, Any]]) -> None:
        """Nobody looks at the face's outline here."""

    def device_failed(self, modality: Modality, detail: str) -> None:
        """Called by the source of the devices."""
        if self._handle is not None and not self._handle.closed:
            self._engine.source_failed(self._handle.session_id, modality, DEVICE_LOST, detail)

    def _overloaded(self) -> bool:
        return self._engine.overload_level > 0

    def _next(self, timeout_s: float) -> Event | None:
        try:
            event = self._events.get(timeout=timeout_s)
        except queue.Empty:
            return None
        self._windows += event.type == "measurement.result"
        if self._recorder is not None:
            self._recorder.event(event)
            self._tell(self._recorder.news())
        return event

    def _tell(self, news: list[tuple[str, str]]) -> None:
        if self._handle is not None and not self._handle.closed:
            for code, message in news:
                self._engine.ask(self._handle.session_id, partial(_note, code, message))


def _note(code: str, message: str, session: LiveSession) -> None:
    session.note(code, message)
