"""Part files: the results of one input each, whole or not there at all."""

import importlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..export.table import to_table
from ..sessions import SessionData
from .inputs import BatchError, BatchInput
from .recipe import Recipe

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER: Final = "results"
# Fixed, so that the same rows give the same bytes whatever the defaults of a later pyarrow.
WRITING: Final[Mapping[str, Any]] = {
    "compression": "zstd",
    "compression_level": 3,
    "version": "2.6",
    "data_page_version": "1.0",
    "data_page_size": 1 << 20,
    "row_group_size": 1 << 17,
    "use_dictionary": True,
    "write_statistics": True,
    "store_schema": True,
}


@dataclass(frozen=True, slots=True)
class PartFacts:
    """What a part file says about itself.

    Attributes:
        fingerprint: see `Recipe.fingerprint`.
        input_sha256: of the input's bytes.
        duration_ms: length of the recording.
        windows: windows that were read.
        problems: what went wrong while it was read, in one line each.
    """

    fingerprint: str
    input_sha256: str
    duration_ms: int
    windows: int
    problems: tuple[str, ...] = ()


def require_pyarrow() -> None:
    """Check that part files can be written.

    Raises:
        BatchError: pyarrow is not installed.
    """
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError as exc:
        raise BatchError(f"batch writes Parquet: pip install 'tacit[research]' ({exc})") from exc


def part_path(out: Path, source: BatchInput) -> Path:
    """Where an input's part file lies."""
    return out / FOLDER / f"{source.id}.parquet"


def write_part(
    out: Path, source: BatchInput, recipe: Recipe, session: SessionData, facts: PartFacts
) -> int:
    """Write a part file: under another name first, so that a half one is never taken for whole.

    Returns:
        its number of rows.

    Raises:
        OSError: the disk is full or gone.
    """
    import pyarrow.parquet as pq

    table = _with_source(to_table(session), source, recipe, facts)
    path = part_path(out, source)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    half = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with half.open("wb") as file:
            pq.write_table(table, file, **WRITING)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
    return int(table.num_rows)


def read_facts(out: Path, source: BatchInput) -> PartFacts | None:
    """What an input's part file says about itself; None without a readable one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        stored = pq.read_schema(part_path(out, source)).metadata or {}
        return PartFacts(
            stored[b"tacit.fingerprint"].decode(),
            stored[b"tacit.input_sha256"].decode(),
            int(stored[b"tacit.duration_ms"]),
            int(stored[b"tacit.windows"]),
            tuple(json.loads(stored[b"tacit.problems"])),
        )
    except (OSError, KeyError, ValueError, pa.ArrowException):
        return None


def sweep(out: Path) -> None:
    """Remove what a killed worker left half written."""
    for half in (out / FOLDER).glob(".*.tmp"):
        half.unlink(missing_ok=True)


def _with_source(
    table: "pa.Table", source: BatchInput, recipe: Recipe, facts: PartFacts
) -> "pa.Table":
    import pyarrow as pa

    described = dict(table.schema.metadata or {}) | {
        f"tacit.{name}".encode(): value.encode()
        for name, value in {
            "input": source.name,
            "input_sha256": facts.input_sha256,
            "recipe": json.dumps(recipe.facts(), sort_keys=True),
            "fingerprint": facts.fingerprint,
            "duration_ms": str(facts.duration_ms),
            "windows": str(facts.windows),
            "problems": json.dumps(facts.problems),
        }.items()
    }
    for name, value in (("input", source.name), ("input_sha256", facts.input_sha256)):
        column = pa.repeat(pa.scalar(value), table.num_rows)
        table = table.append_column(pa.field(name, pa.string(), nullable=False), column)
    return table.replace_schema_metadata(described)
