"""The media of a recorded session: in its file as they were or as streams, or on this machine."""

import hashlib
import os
import tempfile
from pathlib import Path, PurePath
from typing import Final

from ..stream.errors import MediaError, RecordingError
from ..stream.media_mux import write_playable
from ..stream.recording import EnclosedFile
from ..stream.recording_reader import RecordingReader
from .recorded import read_facts
from .session_format import SessionFacts

STREAMS_SUFFIX: Final = ".mp4"


def copy_path(session: Path, facts: SessionFacts) -> Path:
    """Where a playable copy of media in the file is put: beside the session."""
    suffix = STREAMS_SUFFIX if facts.media_streams else PurePath(facts.media).suffix
    plain = suffix if suffix[1:].isalnum() and suffix.isascii() else ""
    return session.with_name(f"{session.stem}.media{plain}")


def enclosed_copy(session: Path, facts: SessionFacts, file: EnclosedFile) -> Path | None:
    """Take enclosed media out, so that a player can open them; only their owner can read them.

    Returns:
        the copy, or None when the media are not those that the session names, or when nothing can
        be written beside the session.
    """
    if hashlib.sha256(file.data).hexdigest() != facts.media_sha256:
        return None
    path = copy_path(session, facts)
    if _is_media(path, facts):
        return path
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    except OSError:
        return None
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(file.data)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        return None
    return path


def streams_copy(session: Path, facts: SessionFacts) -> Path | None:
    """Make a file of a live session's streams that a player opens; only their owner can read it.

    Returns:
        the file, or None when nothing was recorded or nothing can be written beside the session.

    Raises:
        RecordingError: the streams in the session cannot be read.
    """
    path = copy_path(session, facts)
    try:
        if path.is_file() and path.stat().st_mtime_ns >= session.stat().st_mtime_ns:
            return path
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    except OSError:
        return None
    os.close(descriptor)
    temporary = Path(name)
    try:
        write_playable(session, temporary)
        temporary.replace(path)
    except (MediaError, OSError):
        return None
    finally:
        temporary.unlink(missing_ok=True)
    return path


def delete_copy(session: Path, facts: SessionFacts) -> None:
    """Delete the playable copy beside a session, where there may be one.

    Raises:
        OSError: the disk does not let go of it.
    """
    if facts.media_enclosed or facts.media_streams:
        copy_path(session, facts).unlink(missing_ok=True)


def media_nearby(session: Path, facts: SessionFacts) -> Path | None:
    """The media that a session names, where they were or beside the session, if unchanged."""
    if not facts.media:
        return None
    candidates = (Path(facts.media_path), session.parent / PurePath(facts.media).name)
    return next((path for path in candidates if _is_media(path, facts)), None)


def media_of(session: Path) -> tuple[SessionFacts, Path]:
    """The media of a session and what it says about them; of a live one, its file holds them.

    Raises:
        RecordingError: it cannot be read, or its media are not there any more.
    """
    facts = read_facts(session)
    if facts.media_streams:
        return facts, session
    found: Path | None = None
    if facts.media_enclosed:
        for record in RecordingReader(session):
            if isinstance(record, EnclosedFile):
                found = enclosed_copy(session, facts, record)
                break
    found = found or media_nearby(session, facts)
    if found is None:
        raise RecordingError(
            f"{session}: its media {facts.media or '(live)'} are not in it, not where they were "
            "and not beside it; record with --media to keep them in the session"
        )
    return facts, found


def _is_media(path: Path, facts: SessionFacts) -> bool:
    try:
        if not path.is_file() or path.stat().st_size != facts.media_bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == facts.media_sha256
    except OSError:
        return False
