"""Writes what a comparison found: summary.json, table.md, table.html and two plots."""

import html
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ...models.benchmark.catalogue import titles
from ...models.benchmark.protocols import ALL_RATES, protocols_of
from ...models.benchmark.sets import DataSet, profile_of, set_of
from ...models.benchmark.summary import summarise
from .plan import Request
from .plots import plots
from .tables import METRIC_NAMES, Table, as_html, as_markdown, share, tables_of

SUMMARY: Final = "summary.json"
MARKDOWN: Final = "table.md"
PAGE: Final = "table.html"
STYLE: Final = (
    "body{font:15px/1.4 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .6rem;text-align:right;"
    "border-bottom:1px solid #8884}td:first-child,th:first-child{text-align:left}"
    "img{max-width:100%}"
)


def summary_of(request: Request) -> dict[str, Any]:
    """The summary of a folder's finished cells.

    Raises:
        ModelError: nothing is finished, or predictions are not on this machine.
    """
    known = set_of(request.data)
    folds = min(known.folds, profile_of(request.profile).folds or known.folds)
    if request.training == "one":
        found = summarise(request.store(), request.study(None), known, folds)
    else:
        found = per_rate(request, known, folds)
    return {"profile": request.profile, "training": request.training, **found}


def per_rate(request: Request, known: DataSet, folds: int) -> dict[str, Any]:
    """One model for each rate: at every rate the figures of the model that was trained for it."""
    each = {
        rate: summarise(request.store(), request.study(rate), known, folds) for rate in ALL_RATES
    }
    rows = {}
    for name in each[0.0]["rows"]:
        if all(name in s["rows"] for s in each.values()):
            rows[name] = {
                "seeds": each[0.0]["rows"][name]["seeds"],
                "figures": {
                    f"random {rate:.1f}": s["rows"][name]["figures"][f"random {rate:.1f}"]
                    for rate, s in each.items()
                },
            }
    first = each[0.0]
    return {**{k: first[k] for k in first if k not in {"rows", "tests"}}, "rows": rows, "tests": {}}


def per_rate_table(summary: Mapping[str, Any]) -> Table:
    """The one table of that training."""
    metric = summary["metric"]
    rows = tuple(
        (
            title,
            *(share(row["figures"][f"random {rate:.1f}"][metric][0]) for rate in ALL_RATES),
        )
        for title, row in zip(titles(list(summary["rows"])), summary["rows"].values(), strict=True)
    )
    return Table(
        f"{METRIC_NAMES[metric]} (%), a model of its own for each missing rate",
        ("model", *(f"{rate:.1f}" for rate in ALL_RATES)),
        rows,
    )


def write_report(request: Request) -> Path:
    """Write all files into the folder of the results; gives the Markdown file."""
    summary, out = summary_of(request), Path(request.out)
    write(out / SUMMARY, json.dumps(summary, indent=1) + "\n")
    if request.training == "one":
        bins = 2 if set_of(request.data).timed else 1
        wanted = protocols_of(request.protocol, bins, len(summary["modalities"]))
        tables = tables_of(summary, wanted)
        drawn: Sequence[Path] = plots(summary, out / "plots", request.data)
    else:
        tables, drawn = [per_rate_table(summary)], ()
    head = heading(summary)
    write(
        out / MARKDOWN,
        f"# {summary['title']}\n\n{head}\n\n"
        + "".join(f"![{path.stem}](plots/{path.name})\n\n" for path in drawn)
        + "\n".join(as_markdown(table, 2) for table in tables),
    )
    write(out / PAGE, page(summary, tables, drawn))
    return out / MARKDOWN


def heading(summary: Mapping[str, Any]) -> str:
    """What everybody must know before reading a figure."""
    return (
        f"{summary['samples']} test samples of {summary['clusters']} {summary['cluster']}. "
        f"{summary['note']} Brackets are 95 % intervals over whole {summary['cluster']}. "
        "Epochs, temperatures and all other choices were made on validation data. Profile: "
        f"{summary['profile']}."
    )


def page(summary: Mapping[str, Any], tables: Sequence[Table], drawn: Sequence[Path]) -> str:
    """A page that needs no network."""
    title = html.escape(str(summary["title"]))
    images = "".join(
        f'<img src="plots/{html.escape(p.name)}" alt="{html.escape(p.stem)}">\n' for p in drawn
    )
    body = "".join(as_html(table) for table in tables)
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>\n'
        f"<style>{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n"
        f"<p>{html.escape(heading(summary))}</p>\n{images}{body}</body>\n</html>\n"
    )


def write(path: Path, text: str) -> None:
    """Write a whole file or none."""
    aside = path.with_name(f".{os.getpid()}.{path.name}")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
