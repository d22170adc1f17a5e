"""Turns result files into Markdown: tables as laid out by their makers, or lists of numbers.

A file in the common form has "title", "protocol", "tables", "notes" and "figures".
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

MISSING: Final = "*Not measured yet: `{path}` is not there.*"


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


def is_object(value: Any) -> bool:
    """Whether a value is a JSON object that is no figure with its interval."""
    return isinstance(value, Mapping) and "value" not in value


def is_figure(value: Any) -> bool:
    """Whether a value is a number or a figure with its interval."""
    return isinstance(value, int | float) or (isinstance(value, Mapping) and "value" in value)


def figures_in(value: Mapping[str, Any]) -> dict[str, Any]:
    """The figures directly inside an object."""
    return {name: inner for name, inner in value.items() if is_figure(inner)}


def tidied(value: Any) -> Any:
    """Objects in which `x`, `x_low` and `x_high` are one figure and lists go by their names."""
    if isinstance(value, list):
        value = {str(one.get("name", k)): one for k, one in enumerate(value) if is_object(one)}
    if not is_object(value):
        return value
    found: dict[str, Any] = {}
    for name, inner in value.items():
        stem, _, end = name.rpartition("_")
        if end in {"low", "high"} and stem in value:
            continue
        ends = {e: value.get(f"{name}_{e}") for e in ("low", "high")}
        whole = isinstance(inner, int | float) and None not in ends.values()
        found[name] = {"value": inner, **ends} if whole else tidied(inner)
    return found


def laid_out(value: Mapping[str, Any], title: str = "") -> Iterator[str]:
    """Tidied objects as tables: one of the plain figures, one of objects that are alike."""
    heading = f"**{title}**\n\n" if title else ""
    plain = [[name, inner] for name, inner in figures_in(value).items()]
    if plain:
        yield heading + table(["figure", "value"], plain)
    inside = {name: inner for name, inner in value.items() if is_object(inner) and inner}
    flat = {name: figures_in(inner) for name, inner in inside.items()}
    alike = {n: f for n, f in flat.items() if f and not any(map(is_object, inside[n].values()))}
    if len(alike) > 1:
        columns = list(dict.fromkeys(key for figures in alike.values() for key in figures))
        rows = [[name, *(figures.get(c) for c in columns)] for name, figures in alike.items()]
        yield heading + table(["", *columns], rows)
        inside = {name: inner for name, inner in inside.items() if name not in alike}
    for name, inner in inside.items():
        yield from laid_out(inner, f"{title} · {name}" if title else name)


def as_markdown(content: Any) -> str:
    """A result file's content as Markdown.

    Args:
        content: with "tables" (each "title", "columns", "rows"), and perhaps "protocol", "notes"
            and "figures" ([path below the repository, caption]); anything else is listed.
    """
    if not isinstance(content, Mapping) or not isinstance(content.get("tables"), list):
        return "\n\n".join(laid_out(tidied(content)))
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
