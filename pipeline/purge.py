"""Finds recorded sessions that are to be deleted: of one participant, or past their time."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..stream.errors import RecordingError
from .recorded import read_facts
from .session_format import SessionFacts
from .session_media import delete_copy


@dataclass(frozen=True, slots=True)
class Found:
    """One session file in a folder.

    Attributes:
        path: the file.
        facts: what it says; None when it cannot be read.
        problem: why not.
    """

    path: Path
    facts: SessionFacts | None
    problem: str = ""


def sessions_in(folder: Path) -> Iterator[Found]:
    """All session files of a folder and those below it.

    Raises:
        RecordingError: there is no such folder.
    """
    if not folder.is_dir():
        raise RecordingError(f"{folder}: no such folder")
    for path in sorted(folder.rglob("*.mcap")):
        try:
            yield Found(path, read_facts(path))
        except RecordingError as exc:
            yield Found(path, None, str(exc))


def has_expired(facts: SessionFacts, now: datetime.datetime) -> bool:
    """Whether a session is past the time for which it may be kept.

    Raises:
        RecordingError: it does not say in a readable way when it was made.
    """
    if facts.retention_days is None:
        return False
    try:
        created = datetime.datetime.fromisoformat(facts.created_utc)
        return now >= created + datetime.timedelta(days=facts.retention_days)
    except (ValueError, TypeError, OverflowError) as exc:
        raise RecordingError(f"{facts.session_id}: created at {facts.created_utc!r}?") from exc


def delete(found: Found) -> None:
    """Delete a session with the copy of its media beside it.

    Raises:
        RecordingError: the disk does not let go of it.
    """
    try:
        if found.facts is not None:
            delete_copy(found.path, found.facts)
        found.path.unlink()
    except OSError as exc:
        raise RecordingError(f"{found.path}: cannot be deleted: {exc.strerror}") from exc
