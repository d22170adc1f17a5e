"""Events of all live sessions to other programs, over ZeroMQ."""

from typing import Any

from ...stream.publisher import Publisher
from ..events import (
    Event,
    MeasurementResult,
    SensorHealth,
    SessionClosed,
    SessionReady,
    to_json_line,
)
from .loop import Listener


class Broadcast:
    """Publishes what a listener is told, and tells the listener.

    Args:
        publisher: belongs to the engine's thread.
        listener: is told as well.
    """

    def __init__(self, publisher: Publisher, listener: Listener) -> None:
        self._publisher = publisher
        self._listener = listener
        self._people: dict[str, str] = {}

    def events(self, session_id: str, events: list[Event]) -> None:
        """Publish events, those that stay true for late readers too."""
        for event in events:
            if isinstance(event, SessionReady):
                self._people[session_id] = event.participants[0]
            topic = self._topic(session_id, event)
            keep = isinstance(event, SessionReady | SensorHealth | MeasurementResult)
            self._publisher.publish(topic, to_json_line(event), keep=keep)
            if isinstance(event, SessionClosed):
                self._publisher.forget(f"{session_id}/")
                self._people.pop(session_id, None)
        self._listener.events(session_id, events)

    def views(self, session_id: str, views: list[dict[str, Any]]) -> None:
        """What only viewers get is not published."""
        self._listener.views(session_id, views)

    def _topic(self, session_id: str, event: Event) -> str:
        parts = [session_id, self._people.get(session_id, "-"), event.type]
        if isinstance(event, SensorHealth):
            parts.append(event.modality)
        return "/".join(parts)
