"""Finished sessions, as everything that comes after a session reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..stream.errors import RecordingError
from ..stream.recording import EnclosedFile, Entry
from ..stream.recording_reader import RecordingReader, is_recording
from .errors import UserError
from .events import (
    AnyEvent,
    MeasurementResult,
    MeasurementRevised,
    SensorHealth,
    TranscriptFinal,
    read_event,
)
from .recorded import facts_in
from .session_format import is_event, unpack_event
from .session_media import enclosed_copy, media_nearby, streams_copy

FILE_END: Final = "file_end"
"""Name in the metadata under which it is said how a session file ends: "complete" or why not."""


class SessionError(UserError, ValueError):
    """A session cannot be read; the message names the file and says why."""


@dataclass(frozen=True, slots=True)
class SessionData:
    """What is known of a finished session.

    Attributes:
        path: the file it was read from.
        events: all events, in order.
        metadata: facts about the session, such as its configuration and model hashes.
        media: playable recording, when the session holds or names one that is there.
    """

    path: Path
    events: list[AnyEvent]
    metadata: Mapping[str, str]
    media: Path | None

    @property
    def results(self) -> list[MeasurementResult | MeasurementRevised]:
        """The latest revision of each window, by participant and time."""
        latest: dict[tuple[str, int, int], MeasurementResult | MeasurementRevised] = {}
        for event in self.events:
            if isinstance(event, MeasurementResult | MeasurementRevised):
                key = (event.participant, event.window.end_ms, event.window.start_ms)
                known = latest.get(key)
                if known is None or event.revision >= known.revision:
                    latest[key] = event
        return [latest[key] for key in sorted(latest)]

    @property
    def health(self) -> list[SensorHealth]:
        """All changes of sensor health."""
        return [e for e in self.events if isinstance(e, SensorHealth)]

    @property
    def transcripts(self) -> list[TranscriptFinal]:
        """What was said, without words that changed later."""
        return [e for e in self.events if isinstance(e, TranscriptFinal)]


def load_session(path: Path) -> SessionData:
    """Read a recorded session, or a JSONL file of events.

    Args:
        path: `.mcap` from `tacit record`, or `.jsonl` from `tacit replay --json`.

    Raises:
        SessionError: there is no such file, or it holds no session.
    """
    try:
        recording = is_recording(path)
        return _load_recording(path) if recording else _load_jsonl(path)
    except RecordingError as exc:
        raise SessionError(str(exc)) from exc


def _load_recording(path: Path) -> SessionData:
    reader = RecordingReader(path)
    records = iter(reader)
    facts = facts_in(path, reader, records)
    events: list[AnyEvent] = []
    media: Path | None = None
    for record in records:
        if isinstance(record, Entry) and is_event(record):
            events.append(unpack_event(record))
        elif isinstance(record, EnclosedFile):
            media = enclosed_copy(path, facts, record)
    if not events:
        raise SessionError(f"{path}: holds no events")
    if facts.media_streams:
        media = streams_copy(path, facts)
    ending = "complete" if reader.tail.complete else reader.tail.problem
    metadata = {**facts.to_facts().values, FILE_END: ending}
    return SessionData(path, events, metadata, media or media_nearby(path, facts))


def _load_jsonl(path: Path) -> SessionData:
    events: list[AnyEvent] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    events.append(read_event(line))
                except ValueError as exc:
                    problem = str(exc).splitlines()[0]
                    raise SessionError(f"{path}, line {number}: no event: {problem}") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise SessionError(f"{path}: cannot be read: {exc}") from exc
    if not events:
        raise SessionError(f"{path}: holds no events")
    return SessionData(path, events, {}, None)
