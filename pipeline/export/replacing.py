"""Files that are there whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError


class ExportError(UserError, ValueError):
    """A session cannot be written in another format; the message says why, in one line."""


@contextmanager
def replacing(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Give a place to write to, which becomes `path` when all went well.

    The place lies in a folder of its own beside `path`. The finished file can be read by its owner
    only, as what it says of a person is nobody else's concern.

    Args:
        path: where the file is to be.
        force: whether a file that is there already may be replaced.

    Yields:
        path of a file that is not there yet.

    Raises:
        ExportError: there is a file already and `force` is not given, or it cannot be written.
    """
    _refuse(path, force)
    try:
        with tempfile.TemporaryDirectory(prefix=".tacit-", dir=path.parent) as folder:
            place = Path(folder) / path.name
            yield place
            _to_disk(place)
            _refuse(path, force)
            place.replace(path)
    except OSError as exc:
        raise ExportError(f"{path}: cannot be written: {exc.strerror or exc}") from exc


def _refuse(path: Path, force: bool) -> None:
    if path.is_dir():
        raise ExportError(f"{path}: is a folder; name a file")
    if path.exists() and not force:
        raise ExportError(f"{path}: is there already; --force replaces it")


def _to_disk(place: Path) -> None:
    place.chmod(0o600)
    with place.open("rb") as file:
        os.fsync(file.fileno())
