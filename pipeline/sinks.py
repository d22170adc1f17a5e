"""Where events go: a JSONL file whose lines are always whole."""

import os
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from .errors import UserError
from .events import Event, to_json_line


class Sink(Protocol):
    """Takes every event of a session in order."""

    def write(self, event: Event) -> None:
        """Take one event; must not block for long."""

    def close(self) -> None:
        """Finish; called once, also after an error."""


class SinkError(UserError, OSError):
    """Events cannot be written; the message names the file."""


class JsonlSink:
    """Writes one JSON object per line to a file that only its owner can read.

    Each line goes out in one write call and is cut back if the disk takes only part of it, so that
    whatever stops the program, the file holds whole lines.

    Args:
        path: created or replaced.

    Raises:
        SinkError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as exc:
            raise SinkError(f"{path}: cannot write events there: {exc.strerror}") from exc

    def write(self, event: Event) -> None:
        """Append one line.

        Raises:
            SinkError: the disk is full or gone; the file then ends after the last whole line.
        """
        line = to_json_line(event).encode() + b"\n"
        try:
            written = os.write(self._descriptor, line)
            if written < len(line):
                end = os.lseek(self._descriptor, 0, os.SEEK_CUR)
                os.ftruncate(self._descriptor, end - written)
                raise SinkError(f"{self._path}: disk full; the last event was not written")
        except SinkError:
            raise
        except OSError as exc:
            raise SinkError(f"{self._path}: cannot write events: {exc.strerror}") from exc

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
