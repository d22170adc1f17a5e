"""Turns result files into Markdown: tables as laid out by their makers, or lists of numbers.

A file in the common form has "title", "protocol", "tables", "notes" and "figures".
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

MISSING: Final = "*Not measured yet: `{path}` is not there.*"
MOST_LINES: Final = 40
"""Numbers shown of a file that is in no common form."""


def load(path: Path) -> Any:
    """Content of a result file, None where it is missing.

    Raises:
        ValueError: it is no JSON.
    """
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise ValueError(f"{path}: no JSON: {exc}") from exc


def number(value: float) -> str:
    """A figure in three decimals below 10, fewer above."""
    if isinstance(value, bool) or value == int(value):
        return str(int(value)) if not isinstance(value, bool) else ("yes" if value else "no")
    size = abs(value)
    return f"{value:.3f}" if size < 10 else f"{value:.1f}"


def cell(value: Any) -> str:
    """One cell of a table: a number, a figure with its interval, or text."""
    if value is None:
        return "–"
    if isinstance(value, Mapping) and "value" in value:
        unit = f" {value['unit']}" if "unit" in value else ""
        shown = number(value["value"]) + unit
        if value.get("low") is None or value.get("high") is None:
            return shown
        return f"{shown} [{number(value['low'])}, {number(value['high'])}]"
    if isinstance(value, int | float):
        return number(value)
    return str(value).replace("|", "\\|").replace("\n", " ")


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table.

    Raises:
        ValueError: a row has another number of cells than there are columns.
    """
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"row {list(row)[:1]} has {len(row)} cells, {len(columns)} wanted")
        lines.append("| " + " | ".join(cell(value) for value in row) + " |")
    return "\n".join(lines)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """All numbers and figures of nested objects, by dotted name."""
    if isinstance(value, Mapping) and "value" not in value:
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, Mapping | int | float):
        yield path, value


def as_markdown(content: Any) -> str:
    """A result file's content as Markdown.

    Args:
        content: with "tables" (each "title", "columns", "rows"), and perhaps "protocol", "notes"
            and "figures" ([path below the repository, caption]); anything else is listed.
    """
    if not isinstance(content, Mapping) or not isinstance(content.get("tables"), list):
        rows = list(leaves(content))
        shown = table(["figure", "value"], rows[:MOST_LINES])
        rest = len(rows) - MOST_LINES
        return shown if rest <= 0 else f"{shown}\n\n… and {rest} more in the file."
    parts = [str(content["protocol"])] if content.get("protocol") else []
    parts += [f"**{t['title']}**\n\n{table(t['columns'], t['rows'])}" for t in content["tables"]]
    figures = content.get("figures", [])
    parts += [f"![{caption}]({str(path).removeprefix('docs/')})" for path, caption in figures]
    if content.get("notes"):
        parts.append("\n".join(f"- {note}" for note in content["notes"]))
    return "\n\n".join(parts)


def section(root: Path, relative: str) -> str:
    """A result file as Markdown, or the line that it is missing."""
    content = load(root / relative)
    if content is None:
        return MISSING.format(path=relative)
    return f"{as_markdown(content)}\n\nFrom `{relative}`."


def folder(root: Path, relative: str) -> str:
    """All result files of a folder, in the order of their names."""
    paths = sorted((root / relative).glob("*.json")) if (root / relative).is_dir() else []
    if not paths:
        return MISSING.format(path=f"{relative}/*.json")
    parts = []
    for path in paths:
        content = load(path)
        title = content.get("title", path.stem) if isinstance(content, Mapping) else path.stem
        parts.append(f"### {title}\n\n{section(root, f'{relative}/{path.name}')}")
    return "\n\n".join(parts)
