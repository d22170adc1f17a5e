"""What people annotated, read from ELAN documents and tables."""

import csv
import math
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from ..models.labels import EMOTIONS, Emotion
from .errors import UserError

NAMES: Final[Mapping[str, Emotion]] = MappingProxyType(
    {name: name for name in EMOTIONS}
    | {
        "calm": "neutral",
        "happy": "happiness",
        "joy": "happiness",
        "sad": "sadness",
        "angry": "anger",
        "afraid": "fear",
        "fearful": "fear",
        "disgusted": "disgust",
        "surprised": "surprise",
    }
)
"""How annotators may spell the seven classes, in small letters."""

MS_COLUMNS: Final = ("start_ms", "end_ms")
S_COLUMNS: Final = ("start", "end")
TRACES: Final = ("valence", "arousal")


class AnnotationError(UserError, ValueError):
    """Annotations cannot be used; the message names the file, and the line where there is one."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What an annotator said about one stretch.

    Attributes:
        start_ms: start, ms from the start of the session.
        end_ms: end, after the start.
        emotion: expressed emotion, if one was given.
        valence: in [-1, 1], if given.
        arousal: in [-1, 1], if given.
        participant: who was annotated; None when the file does not say.
    """

    start_ms: float
    end_ms: float
    emotion: Emotion | None = None
    valence: float | None = None
    arousal: float | None = None
    participant: str | None = None


@dataclass(frozen=True, slots=True)
class AnnotationSet:
    """The annotations of one file.

    Attributes:
        path: the file.
        annotations: by start.
        unknown: labels that are none of the seven emotions, and how often each occurs; they count
            as no annotation.
    """

    path: Path
    annotations: tuple[Annotation, ...]
    unknown: Mapping[str, int]


def read_annotations(path: Path, tier: str | None = None) -> AnnotationSet:
    """Read an ELAN document (`.eaf`) or a table (`.csv`, `.tsv`).

    A table has a header. Its times are in columns `start_ms` and `end_ms`, or in `start` and `end`
    in seconds. It holds at least one of `label`, `valence` and `arousal`, and may hold
    `participant`; other columns are passed over, empty cells say nothing.

    Args:
        path: the file.
        tier: ELAN tier with the labels; needed where several tiers hold annotations. One whose name
            ends with "valence" or "arousal" holds numbers.

    Raises:
        AnnotationError: the file cannot be read, or holds no usable annotation.
    """
    unknown: Counter[str] = Counter()
    kind = path.suffix.lower()
    try:
        if kind == ".eaf":
            found = list(_read_elan(path, tier, unknown))
        elif kind in (".csv", ".tsv"):
            if tier is not None:
                raise AnnotationError(f"{path}: is a table; --tier is for ELAN documents")
            found = list(_read_table(path, "\t" if kind == ".tsv" else ",", unknown))
        else:
            raise AnnotationError(f"{path}: annotations are .eaf, .csv or .tsv files")
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise AnnotationError(f"{path}: cannot be read: {exc}") from exc
    if not found:
        others = f"; its labels are {', '.join(sorted(unknown)[:8])}" if unknown else ""
        raise AnnotationError(
            f"{path}: holds no annotation of an emotion, valence or arousal{others}; "
            f"emotions are {', '.join(EMOTIONS)}"
        )
    return AnnotationSet(path, tuple(sorted(found, key=lambda a: a.start_ms)), dict(unknown))


def _read_table(path: Path, delimiter: str, unknown: Counter[str]) -> Iterator[Annotation]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=delimiter, restval="")
        columns = _columns(path, reader.fieldnames or [])
        for cells in reader:
            values = {name: (cells[name] or "").strip() for name in columns}
            if not any(values.values()):
                continue
            try:
                annotation = _annotation(values, unknown)
            except ValueError as exc:
                raise AnnotationError(f"{path}, line {reader.line_num}: {exc}") from exc
            if annotation is not None:
                yield annotation


def _columns(path: Path, names: Sequence[str]) -> list[str]:
    found = set(names)
    in_ms, in_s = found.issuperset(MS_COLUMNS), found.issuperset(S_COLUMNS)
    if in_ms == in_s:
        raise AnnotationError(
            f"{path}, line 1: needs columns start_ms,end_ms (ms) or start,end (seconds), not "
            f"{'both' if in_ms else ', '.join(sorted(map(str, found))) or 'none'}"
        )
    if not found & {"label", *TRACES}:
        raise AnnotationError(f"{path}, line 1: needs a column label, valence or arousal")
    times = MS_COLUMNS if in_ms else S_COLUMNS
    return [*times, *sorted(found & {"label", "participant", *TRACES})]


def _annotation(values: Mapping[str, str], unknown: Counter[str]) -> Annotation | None:
    times, scale = (MS_COLUMNS, 1.0) if MS_COLUMNS[0] in values else (S_COLUMNS, 1000.0)
    start, end = (_number(name, values[name]) * scale for name in times)
    _check_times(start, end)
    valence, arousal = (_trace(name, values.get(name, "")) for name in TRACES)
    emotion = _emotion(values.get("label", ""), unknown)
    if emotion is None and valence is None and arousal is None:
        return None
    return Annotation(start, end, emotion, valence, arousal, values.get("participant") or None)


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name} is {text!r}, not a number")
    return value


def _trace(name: str, text: str) -> float | None:
    if not text:
        return None
    value = _number(name, text)
    if not -1 <= value <= 1:
        raise ValueError(f"{name} is {text}, not from -1 to 1")
    return value


def _check_times(start: float, end: float) -> None:
    if not 0 <= start < end:
        raise ValueError(f"it starts at {start:g} ms and ends at {end:g} ms")


def _emotion(label: str, unknown: Counter[str]) -> Emotion | None:
    label = " ".join(label.split())
    known = NAMES.get(label.lower())
    if known is None and label:
        unknown[label] += 1
    return known


def _read_elan(path: Path, tier: str | None, unknown: Counter[str]) -> Iterator[Annotation]:
    tiers = _elan_tiers(path)
    name = _choose(path, {n: held for n, (held, _) in tiers.items()}, tier)
    held, participant = tiers[name]
    # A tier of numbers is known by its name, such as "p1 valence".
    column = next((t for t in TRACES if name.lower().endswith(t)), "label")
    for number, (start, end, value, *_) in enumerate(held, 1):
        cells = {
            "start_ms": str(start),
            "end_ms": str(end),
            "participant": participant,
            column: value or "",
        }
        try:
            annotation = _annotation(cells, unknown)
        except ValueError as exc:
            raise AnnotationError(f"{path}, tier {name}, annotation {number}: {exc}") from exc
        if annotation is not None:
            yield annotation


def _elan_tiers(path: Path) -> dict[str, tuple[list[Any], str]]:
    from pympi import Eaf

    if not path.is_file():
        raise AnnotationError(f"{path}: cannot be read: there is no such file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of newer versions of the format, which it reads
            document = Eaf(str(path))
            return {
                name: (
                    document.get_annotation_data_for_tier(name),
                    document.get_parameters_for_tier(name).get("PARTICIPANT") or "",
                )
                for name in document.get_tier_names()
            }
    except Exception as exc:  # a boundary: on foreign documents pympi raises anything
        raise AnnotationError(f"{path}: is no ELAN document: {exc}") from exc


def _choose(path: Path, tiers: Mapping[str, list[Any]], tier: str | None) -> str:
    filled = [name for name, held in tiers.items() if held]
    if tier is not None:
        if tier not in tiers:
            raise AnnotationError(f"{path}: has no tier {tier}; it has {', '.join(tiers)}")
        return tier
    if len(filled) != 1:
        named = f"; name one by --tier: {', '.join(filled)}" if filled else ""
        raise AnnotationError(f"{path}: {len(filled)} tiers hold annotations{named}")
    return filled[0]
