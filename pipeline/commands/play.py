"""Shows a session while it runs and writes its events."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

from rich.console import Console

from ..events import Event, SessionReady
from ..sinks import JsonlSink, Sink
from ..terminal import LiveView, PlainView


class Playable(Protocol):
    """A session that gives its events."""

    @property
    def duration_ms(self) -> int:
        """How long it is."""

    def __iter__(self) -> Iterator[Event]:
        """Its events, in order."""

    def close(self, reason: Literal["end", "interrupted", "error"]) -> list[Event]:
        """The last events of a session that was interrupted."""

    def summary(self) -> str:
        """What was done, in one line."""


class Kept:
    """A sink that holds all events in memory."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def write(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)

    def close(self) -> None:
        """Nothing to finish."""


def play(session: Playable, json_path: Path | None, *more: Sink) -> None:
    """Run a session to its end, on the terminal and into a file of JSON lines.

    Args:
        session: what to run.
        json_path: where its events go as well.
        more: further takers of all events.

    Raises:
        SinkError: the file cannot be written.
    """
    console = Console()
    sinks: list[Sink] = [*more]
    try:
        if json_path is not None:
            sinks.append(JsonlSink(json_path))
        view: Sink = PlainView(console)
        if console.is_terminal:
            view = LiveView(console, session.duration_ms)
        sinks.append(view)
        try:
            for event in session:
                if isinstance(event, SessionReady):
                    console.print(terms_line(event), markup=False, highlight=False, soft_wrap=True)
                _write(sinks, event)
        except KeyboardInterrupt:
            for event in session.close("interrupted"):
                _write(sinks, event)
            raise
    finally:
        for sink in reversed(sinks):
            sink.close()
    console.print(session.summary(), markup=False, highlight=False, soft_wrap=True)


def terms_line(ready: SessionReady) -> str:
    """What a session is for and who agreed, in one line."""
    exception = f", exception: {ready.exception}" if ready.exception else ""
    return f"purpose: {ready.purpose}, consent: {ready.consent}{exception} (--purpose, --consent)"


def _write(sinks: list[Sink], event: Event) -> None:
    for sink in sinks:
        sink.write(event)
