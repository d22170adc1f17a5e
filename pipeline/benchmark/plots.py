"""Plots of a comparison as small SVG files: accuracy by missing rate, latency by accuracy."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ...models.benchmark.catalogue import titles
from ...models.benchmark.protocols import ALL_RATES
from ...models.benchmark.summary import AREA
from .errors import BenchmarkError
from .tables import METRIC_NAMES

BANDED: Final = ("dropkd", "ours")
"""Models whose interval is drawn; a band for each would hide all."""
SHOWN: Final = (
    "zero", "regression", "drop", "dropkd", "mmin", "ifmmin", "nmer", "rohydr.dit",
    "rohydr.score", "ours",
)  # fmt: skip
MARKS: Final = "osD^v<>PX*"


def _axes() -> tuple[Any, Any]:
    """A figure and its axes, with text as text and no date inside."""
    try:
        import matplotlib as mpl
    except ImportError as exc:
        raise BenchmarkError("plots need matplotlib: pip install 'tacit[benchmark]'") from exc
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "tacit", "font.size": 9})
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    return figure, figure.subplots()


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}")
    figure.savefig(aside, format="svg", metadata={"Date": None})
    # Trailing blanks would be changed by editors and hooks.
    text = "\n".join(line.rstrip() for line in aside.read_text(encoding="utf-8").splitlines())
    aside.write_text(text + "\n", encoding="utf-8")
    aside.replace(path)


def chosen(summary: Mapping[str, Any]) -> list[str]:
    """Models that are drawn: the main ones, and all of the user's own."""
    from ...models.benchmark.catalogue import CATALOGUE

    return [name for name in summary["rows"] if name in SHOWN or name not in CATALOGUE]


def plot_missing(summary: Mapping[str, Any], path: Path) -> None:
    """The metric against the missing rate, with bands for the reference and ours."""
    figure, axes = _axes()
    names, metric = chosen(summary), summary["metric"]
    for place, (name, title) in enumerate(zip(names, titles(names), strict=True)):
        figures = summary["rows"][name]["figures"]
        points = [figures[f"random {rate:.1f}"][metric] for rate in ALL_RATES]
        values, low, high = ([100.0 * p[i] for p in points] for i in range(3))
        (line,) = axes.plot(
            ALL_RATES, values, marker=MARKS[place % len(MARKS)], markersize=4, linewidth=1.2,
            label=title,
        )  # fmt: skip
        if name in BANDED:
            axes.fill_between(ALL_RATES, low, high, alpha=0.15, color=line.get_color())
    axes.set_xlabel("missing rate")
    axes.set_ylabel(f"{METRIC_NAMES[metric]}, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="lower left")
    _save(figure, path)


def plot_latency(summary: Mapping[str, Any], path: Path) -> None:
    """Time for one window against the area under the metric."""
    figure, axes = _axes()
    names, metric = chosen(summary), summary["metric"]
    for place, (name, title) in enumerate(zip(names, titles(names), strict=True)):
        row = summary["rows"][name]
        value, low, high = (100.0 * x for x in row["figures"][AREA][metric])
        axes.errorbar(
            max(row["latency_ms"], 1e-3), value, yerr=[[value - low], [high - value]],
            marker=MARKS[place % len(MARKS)], capsize=2, linewidth=0.8, label=title,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("one window, ms of one thread")
    axes.set_ylabel(f"{METRIC_NAMES[metric]}, %, mean over missing rates 0 to .7")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="best")
    _save(figure, path)


def plots(summary: Mapping[str, Any], folder: Path, stem: str) -> Sequence[Path]:
    """Both plots; gives their files."""
    made = (folder / f"{stem}-missing.svg", folder / f"{stem}-latency.svg")
    plot_missing(summary, made[0])
    plot_latency(summary, made[1])
    return made
