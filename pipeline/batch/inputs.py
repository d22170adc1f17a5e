"""What a batch reads: the media and sessions of a folder, or the lines of a manifest."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from ..errors import UserError

SESSIONS: Final = frozenset({".mcap", ".jsonl"})
SOUND: Final = frozenset(
    {".aac", ".aif", ".aiff", ".flac", ".m4a", ".mka", ".mp3", ".oga", ".ogg", ".opus", ".wav"}
    | {".wma"}
)
PICTURES: Final = frozenset(
    {".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm"}
    | {".wmv"}
)
MEDIA: Final = SOUND | PICTURES
"""Endings that a folder is searched for when no pattern is given."""
COLUMNS: Final = frozenset({"path", "participant"})
MAX_MANIFEST_BYTES: Final = 256 * 1024 * 1024
_ID_CHARS: Final = 48
_HASH_BYTES: Final = 1 << 20


class BatchError(UserError, ValueError):
    """A batch cannot be started; the message says what to change."""


class BatchInput(BaseModel):
    """One recording or session to be read.

    Attributes:
        name: its path relative to the folder or the manifest, with forward slashes.
        path: where it is.
        participant: who was recorded; a session file names its participants itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    path: Path
    participant: str = "p1"

    @property
    def id(self) -> str:
        """Name of its part file: the same for the same name and participant, wherever it lies."""
        digest = hashlib.sha256(f"{self.name}\0{self.participant}".encode()).hexdigest()[:12]
        # Readers of Parquet folders skip names that begin with a dot or an underscore.
        stem = re.sub(r"[^A-Za-z0-9.-]+", "_", self.path.stem).strip("._")[:_ID_CHARS]
        return f"{stem or 'input'}-{digest}"

    @property
    def bytes(self) -> int:
        """Size; 0 for one that is not there."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0


def find_inputs(source: Path, pattern: str = "", leave_out: Path | None = None) -> list[BatchInput]:
    """List what a batch is to read.

    Args:
        source: a folder, or a manifest whose name ends in .csv or .jsonl.
        pattern: for a folder, which files to take, e.g. "**/*.wav"; empty for all media and
            sessions in it and below.
        leave_out: a folder that is not searched, because results go there.

    Returns:
        inputs by name; a file of a manifest need not exist.

    Raises:
        BatchError: nothing to read, or a line of the manifest is wrong.
    """
    if source.is_dir():
        found = list(_in_folder(source, pattern, leave_out))
    elif pattern:
        raise BatchError(f"--pattern {pattern}: {source} is not a folder")
    else:
        found = _in_manifest(source)
    if not found:
        wanted = f"matches {pattern}" if pattern else "is media or a session"
        raise BatchError(f"{source}: nothing here {wanted}")
    return sorted(found, key=lambda i: (i.name, i.participant))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _in_folder(folder: Path, pattern: str, leave_out: Path | None) -> Iterator[BatchInput]:
    try:
        paths = list(folder.glob(pattern or "**/*"))
    except (ValueError, NotImplementedError) as exc:
        raise BatchError(f"--pattern {pattern}: {exc}") from exc
    own = leave_out.resolve() if leave_out is not None else None
    for path in paths:
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        wanted = bool(pattern) or path.suffix.lower() in MEDIA | SESSIONS
        # A link that leads nowhere is listed, so that it is reported and not silently left out.
        if hidden or not wanted or not (path.is_file() or path.is_symlink()) or path.is_dir():
            continue
        if own is None or own not in path.parent.resolve().joinpath(path.name).parents:
            yield BatchInput(name=inside.as_posix(), path=path.absolute())


def _in_manifest(path: Path) -> list[BatchInput]:
    readers = {".csv": _csv_lines, ".jsonl": _json_lines}
    if path.suffix.lower() not in readers:
        raise BatchError(f"{path}: give a folder, or a manifest that ends in .csv or .jsonl")
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise BatchError(f"{path}: larger than {MAX_MANIFEST_BYTES} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as exc:
        raise BatchError(f"{path}: no such folder or manifest") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise BatchError(f"{path}: cannot be read: {exc}") from exc
    found: dict[str, int] = {}
    inputs = []
    for number, fields in readers[path.suffix.lower()](path, text):
        made = _from_line(path, number, fields)
        if made.id in found:
            raise BatchError(f"{path}, line {number}: {made.name} is in line {found[made.id]} too")
        found[made.id] = number
        inputs.append(made)
    return inputs


def _csv_lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        if reader.fieldnames is None or "path" not in reader.fieldnames:
            raise BatchError(f"{path}, line 1: no column named path")
        for fields in reader:
            if None in fields or None in fields.values():
                raise BatchError(
                    f"{path}, line {reader.line_num}: {len(reader.fieldnames)} columns wanted"
                )
            yield reader.line_num, {k: v for k, v in fields.items() if k in COLUMNS}
    except csv.Error as exc:
        raise BatchError(f"{path}, line {reader.reader.line_num}: {exc}") from exc


def _json_lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(io.StringIO(text), 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as exc:
            raise BatchError(f"{path}, line {number}: not JSON: {exc}") from exc
        if not isinstance(fields, dict):
            raise BatchError(f"{path}, line {number}: an object with a path is wanted")
        yield number, {k: v for k, v in fields.items() if k in COLUMNS}


def _from_line(manifest: Path, number: int, fields: dict[str, Any]) -> BatchInput:
    name, participant = fields.get("path"), fields.get("participant") or "p1"
    if not isinstance(name, str) or not name.strip():
        raise BatchError(f"{manifest}, line {number}: no path")
    if "\0" in name or not isinstance(participant, str) or not participant.isprintable():
        raise BatchError(f"{manifest}, line {number}: path or participant is not plain text")
    place = (manifest.parent / name.strip()).absolute()
    return BatchInput(name=Path(name.strip()).as_posix(), path=place, participant=participant)
