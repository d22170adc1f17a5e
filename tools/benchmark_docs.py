"""Makes docs/benchmark.md and its plots from results/benchmark: `python -m tools.benchmark_docs`.

    python -m tools.benchmark_docs --take runs/benchmark/mosi-full
    python -m tools.benchmark_docs --latency latency.json

`--take` first sums up a folder of `tacit benchmark` and keeps the summary in results/benchmark.
Every figure of the page comes from those files; nothing on it is typed by hand.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tacit.models.benchmark.catalogue import CATALOGUE
from tacit.models.benchmark.sets import SETS, profile_of, set_of
from tacit.models.benchmark.summary import summarise
from tacit.models.study.cells import CellStore
from tacit.pipeline.benchmark.latency import latency_table
from tacit.pipeline.benchmark.plan import ARRAYS, CELLS, SETTINGS
from tacit.pipeline.benchmark.plots import plots
from tacit.pipeline.benchmark.tables import METRIC_NAMES, as_markdown, share, tables_of
from tools.benchmark_text import ADDING, COMPARING, HEAD, WHY

ROOT: Final = Path(__file__).resolve().parent.parent
LATENCY: Final = "latency.json"
HALF: Final = "random 0.5"
PARENTS: Final = tuple(name for name, entry in CATALOGUE.items() if entry.kind == "parent")


def take(folder: Path, results: Path) -> Path:
    """Sum up a folder of finished cells into results/benchmark; gives the file."""
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    name, profile = settings["data"], settings["profile"]
    known = set_of(name)
    folds = min(known.folds, profile_of(profile).folds or known.folds)
    summary = summarise(CellStore(folder / CELLS, folder / ARRAYS), name, known, folds)
    path = results / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {"profile": profile, "training": settings["training"], **summary}
    path.write_text(json.dumps(found) + "\n", encoding="utf-8")
    return path


def load(path: Path) -> Any:
    """Content of a result file, None where it is missing."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def missing_line(path: Path) -> str:
    """Says that something was not measured."""
    return f"*Not measured yet: `{path.as_posix()}` is not there.*\n"


def set_section(name: str, summary: Mapping[str, Any], figures: Path) -> str:
    """Heading, plots and tables of one data set."""
    seeds = {title: len(row["seeds"]) for title, row in summary["rows"].items()}
    fewest, most = min(seeds.values()), max(seeds.values())
    counted = (
        f"{most} seeds" if fewest == most else f"{fewest} to {most} seeds (last table but one)"
    )
    drawn = plots(summary, figures, f"benchmark-{name}")
    absent = [entry.title for key, entry in CATALOGUE.items() if key not in summary["rows"]]
    what = f"{summary['samples']} test samples of {summary['clusters']} {summary['cluster']}"
    how = f"{counted}; profile {summary['profile']}"
    parts = [f"## {summary['title']}\n", f"{what}; {how}. {summary['note']}\n"]
    if absent:
        parts.append(f"Not run on these data: {', '.join(absent)}.\n")
    parts += [f"![{path.stem}](figures/{path.name})\n" for path in drawn]
    parts += [as_markdown(table) for table in tables_of(summary)]
    parts.append(below_zero(summary))
    return "\n".join(parts)


def below_zero(summary: Mapping[str, Any]) -> str:
    """Which parent methods stay below zero fill at the missing rate .5, and why."""
    rows, metric = summary["rows"], summary["metric"]
    if "zero" not in rows:
        return ""
    zero = rows["zero"]["figures"][HALF][metric][0]
    below = {
        name: rows[name]["figures"][HALF][metric][0]
        for name in PARENTS
        if name in rows and rows[name]["figures"][HALF][metric][0] < zero
    }
    head = (
        f"### Below zero fill at the missing rate .5 ({METRIC_NAMES[metric]} {share(zero)} %)\n\n"
    )
    if not below:
        return f"{head}None of the parent methods.\n"
    lines = [
        f"- {CATALOGUE[name].title}: {share(value)} %. {WHY[name]}" for name, value in below.items()
    ]
    return head + "\n".join(lines) + "\n"


def page(results: Path, figures: Path) -> str:
    """The whole page."""
    parts = [HEAD]
    for name in SETS:
        path = results / f"{name}.json"
        summary = load(path)
        if summary is not None:
            parts.append(set_section(name, summary, figures))
        elif name in {"mosi", "ravdess"}:
            parts.append(f"## {SETS[name].title}\n\n{missing_line(path.relative_to(ROOT))}")
    parts.append("## Latency side by side\n")
    found = load(results / LATENCY)
    parts.append(
        as_markdown(latency_table(found))
        if found is not None
        else missing_line((results / LATENCY).relative_to(ROOT))
    )
    parts += [COMPARING, ADDING]
    return "\n".join(parts)


def main(
    takes: Annotated[
        list[Path] | None, typer.Option("--take", help="Folder of tacit benchmark to sum up.")
    ] = None,
    latency: Annotated[
        Path | None, typer.Option(help="JSON of tacit benchmark latency to keep.")
    ] = None,
) -> None:
    """Keep new results, and rewrite the page and its plots."""
    results = ROOT / "results" / "benchmark"
    for folder in takes or ():
        typer.echo(take(folder, results))
    if latency is not None:
        (results / LATENCY).write_text(latency.read_text(encoding="utf-8"), encoding="utf-8")
    out = ROOT / "docs" / "benchmark.md"
    out.write_text(page(results, ROOT / "docs" / "figures"), encoding="utf-8")
    typer.echo(out)


if __name__ == "__main__":
    typer.run(main)
