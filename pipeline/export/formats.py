"""The formats that a session can be written in."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..events import to_json_line
from ..sessions import SessionData
from .elan import write_elan
from .replacing import ExportError, replacing
from .subtitles import write_captions, write_metadata_track, write_srt
from .table import COLUMNS, rows, to_table


@dataclass(frozen=True, slots=True)
class Export:
    """What was written.

    Attributes:
        path: the file.
        count: how many things it holds.
        unit: what these things are: "events", "rows" or "windows".
    """

    path: Path
    count: int
    unit: str


@dataclass(frozen=True, slots=True)
class _Order:
    session: SessionData
    place: Path
    target: Path
    captions: bool


@dataclass(frozen=True, slots=True)
class _Format:
    unit: str
    write: Callable[[_Order], int]


def export(
    session: SessionData, out: Path, to: str | None = None, *, captions: bool = False, force: bool
) -> Export:
    """Write a session in another format; the file appears whole or not at all.

    Args:
        session: what to write.
        out: the file.
        to: one of `FORMATS`; None takes the one that the file's name ends with.
        captions: for "vtt": text to be read in place of JSON.
        force: whether a file that is there may be replaced.

    Raises:
        ExportError: there is no such format, nothing to write, or the file cannot be written.
    """
    kind = to or out.suffix.removeprefix(".").lower()
    format_ = _find(kind, out if to is None else None)
    if captions and kind != "vtt":
        raise ExportError(f"--captions goes with --to vtt only, not with {kind}")
    if not session.events:
        raise ExportError(f"{session.path}: holds no events")
    if format_.unit != "events" and not session.results:
        raise ExportError(f"{session.path}: holds no results; --to jsonl writes its events")
    try:
        with replacing(out, force=force) as place:
            count = format_.write(_Order(session, place, out, captions))
    except ImportError as exc:
        raise ExportError(
            f"--to {kind} needs {exc.name or 'a package'} in a version that works here: "
            f"pip install 'tacit[research]' ({exc})"
        ) from exc
    return Export(out, count, format_.unit)


def _find(kind: str, named_by: Path | None) -> _Format:
    if kind == "xdf":
        raise ExportError(
            "there is no maintained library that writes XDF (pyxdf reads only); "
            "use --to parquet or csv"
        )
    if kind not in FORMATS:
        what = f"{named_by}: its name ends with no known format" if named_by else f"--to {kind}"
        raise ExportError(f"{what}: the formats are {', '.join(FORMATS)}")
    return FORMATS[kind]


def _write_jsonl(order: _Order) -> int:
    with order.place.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(to_json_line(event) + "\n" for event in order.session.events)
    return len(order.session.events)


def _write_csv(order: _Order) -> int:
    found = rows(order.session)
    with order.place.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        # "True" and "False" are read as truth values by pandas, R and spreadsheets.
        writer.writerows(found)
    return len(found)


def _write_parquet(order: _Order) -> int:
    table = to_table(order.session)
    from pyarrow import parquet

    parquet.write_table(table, order.place, compression="zstd")
    return int(table.num_rows)


def _write_vtt(order: _Order) -> int:
    write = write_captions if order.captions else write_metadata_track
    return write(order.session, order.place)


FORMATS: Final[Mapping[str, _Format]] = {
    "jsonl": _Format("events", _write_jsonl),
    "csv": _Format("rows", _write_csv),
    "parquet": _Format("rows", _write_parquet),
    "vtt": _Format("windows", _write_vtt),
    "srt": _Format("windows", lambda order: write_srt(order.session, order.place)),
    "eaf": _Format("windows", lambda order: write_elan(order.session, order.place, order.target)),
}
"""All formats by the name that `--to` takes."""
