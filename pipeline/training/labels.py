"""The labels of a user's own clips: `file,label[,split][,start_s,end_s]`, checked line by line."""

import csv
import hashlib
import io
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from ...models.labels import EMOTIONS, Emotion
from ..annotations import NAMES
from .errors import TrainError

Part = Literal["train", "valid", "test"]

PARTS: Final[dict[str, Part]] = {
    "train": "train",
    "valid": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
}
REQUIRED: Final = ("file", "label")
OPTIONAL: Final = ("split", "start_s", "end_s")
MAX_LABELS_BYTES: Final = 16 * 1024 * 1024
VALID_SHARE: Final = 0.25
"""Of each class's files, rounded up, when the table has no splits; at least one stays in train."""


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """One line of the table.

    Attributes:
        name: the file as written, with forward slashes.
        path: where it is.
        emotion: expressed in it.
        part: what it is used for.
        start_s: of the stretch that the label is for, from the clip's beginning.
        end_s: its end; infinite for the clip's own.
    """

    name: str
    path: Path
    emotion: Emotion
    part: Part = "train"
    start_s: float = 0.0
    end_s: float = math.inf


def read_labels(table: Path, folder: Path) -> list[LabelledClip]:
    """Read a table of labels, and split it by file where it doesn't say how.

    Args:
        table: CSV with a header; further columns are left alone.
        folder: that the files are relative to.

    Raises:
        TrainError: a file is missing, a label unknown, a line malformed, or nothing is there.
    """
    if not folder.is_dir():
        raise TrainError(f"{folder}: no such folder of clips")
    text = _text_of(table)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    columns = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = columns
    for name in REQUIRED:
        if name not in columns:
            raise TrainError(
                f"{table}: line 1: no column named {name}; wanted: file,label and perhaps "
                f"{','.join(OPTIONAL)}"
            )
    try:
        clips = [
            _clip(f"{table}: line {reader.line_num}", row, folder) for row in reader if any(row)
        ]
    except csv.Error as exc:
        raise TrainError(f"{table}: line {reader.reader.line_num}: {exc}") from exc
    if not clips:
        raise TrainError(f"{table}: no clips in it, only a header")
    _refuse_leaks(table, clips, given="split" in columns)
    return clips if "split" in columns else split_by_file(clips)


def split_by_file(clips: Sequence[LabelledClip]) -> list[LabelledClip]:
    """Set a quarter of each class's files apart for validation, the same ones every time.

    The order is that of a hash of the file's name, so that neither the order of the lines nor new
    clips of other classes change it. A file with several labels counts for its first one.
    """
    files: dict[Emotion, list[str]] = defaultdict(list)
    for clip in clips:
        if not any(clip.name in names for names in files.values()):
            files[clip.emotion].append(clip.name)
    apart: set[str] = set()
    for names in files.values():
        ranked = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
        apart.update(ranked[: min(math.ceil(len(ranked) * VALID_SHARE), len(ranked) - 1)])
    return [replace(clip, part="valid" if clip.name in apart else "train") for clip in clips]


def _text_of(table: Path) -> str:
    try:
        if table.stat().st_size > MAX_LABELS_BYTES:
            raise TrainError(f"{table}: larger than {MAX_LABELS_BYTES} bytes")
        text = table.read_text(encoding="utf-8-sig")
    except FileNotFoundError as exc:
        raise TrainError(f"{table}: no such table of labels") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise TrainError(f"{table}: cannot be read as UTF-8 text: {exc}") from exc
    if not text.strip():
        raise TrainError(f"{table}: empty; wanted: a header file,label and a line per clip")
    return text


def _clip(where: str, row: dict[str, str], folder: Path) -> LabelledClip:
    values = {
        key: (value or "").strip() for key, value in row.items() if key in REQUIRED + OPTIONAL
    }
    name, label = values["file"], values["label"]
    if not name or "\0" in name:
        raise TrainError(f"{where}: no file named")
    path = folder / name
    if not path.is_file():
        raise TrainError(f"{where}: {path}: no such file")
    emotion = NAMES.get(label.casefold())
    if emotion is None:
        raise TrainError(f"{where}: label {label!r} is none of {', '.join(EMOTIONS)}")
    part = PARTS.get(values.get("split", "").casefold() or "train")
    if part is None:
        raise TrainError(f"{where}: split {values['split']!r} is none of train, valid, test")
    start_s = _seconds(where, "start_s", values.get("start_s", ""), 0.0)
    end_s = _seconds(where, "end_s", values.get("end_s", ""), math.inf)
    if end_s <= start_s:
        raise TrainError(f"{where}: end_s {end_s:g} is not after start_s {start_s:g}")
    return LabelledClip(Path(name).as_posix(), path, emotion, part, start_s, end_s)


def _seconds(where: str, column: str, text: str, default: float) -> float:
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value < math.inf:
        raise TrainError(f"{where}: {column} {text!r} is no time in seconds")
    return value


def _refuse_leaks(table: Path, clips: Sequence[LabelledClip], *, given: bool) -> None:
    """A file in two parts would be trained on and judged by."""
    if not given:
        return
    for name, parts in _parts_by_file(clips):
        if len(parts) > 1:
            raise TrainError(
                f"{table}: {name} is in {' and '.join(sorted(parts))}; one part a file"
            )


def _parts_by_file(clips: Sequence[LabelledClip]) -> Iterator[tuple[str, set[Part]]]:
    found: dict[str, set[Part]] = defaultdict(set)
    for clip in clips:
        found[clip.name].add(clip.part)
    yield from found.items()
