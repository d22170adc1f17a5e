"""Plots of docs/models.md from the studies' summaries; see `tools/models_docs.py`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tools.result_tables import load

STUDIES: Final = ("ravdess", "mosi")
LINES: Final[dict[str, tuple[str, str]]] = {
    "ours": ("ours", "#d1495b"),
    "dropkd": ("drop+KD", "#00798c"),
    "drop": ("drop", "#66a182"),
    "regression": ("regression", "#edae49"),
    "one": ("one sample", "#8d5a97"),
    "zero": ("zero fill", "#8c8c8c"),
}
"""Method to its label and colour in the plots of the missing rate."""

SAMPLES: Final = {1: "#8d5a97", 8: "#edae49", 32: "#d1495b"}
STEPS: Final = (1, 2, 4)
FOOTER: Final = {"Date": None, "Creator": None}
"""Leaves out of an SVG what differs from run to run."""


def plots(results: Path, out: Path) -> list[Path]:
    """Draw whatever the summaries hold.

    Args:
        results: folder of result files.
        out: folder of the plots, made if missing.

    Returns:
        the files written.
    """
    mpl.rcParams.update({"svg.hashsalt": "tacit", "svg.fonttype": "none", "font.size": 9})
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for study in STUDIES:
        summary = load(results / "study" / f"{study}.json")
        for share, found in (summary or {"shares": {}})["shares"].items():
            stem = out / f"{study}-{round(float(share) * 100)}"
            drawn = {
                "missing": missing_plot(found),
                "steps": steps_plot(found["rows"]),
                "reliability": reliability_plot(found["rows"]),
                "gate": gate_plot(found.get("gate")),
            }
            for kind, figure in drawn.items():
                if figure is not None:
                    path = stem.with_name(f"{stem.name}-{kind}.svg")
                    figure.savefig(path, metadata=FOOTER, bbox_inches="tight")
                    written.append(path)
    return written


def plain(axes: Axes, x: str, y: str) -> None:
    """Axis names and no box."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.5)


def missing_plot(found: Mapping[str, Any]) -> Figure | None:
    """UAR against the missing rate, complete data at 0, with bands."""
    rows = {name: found["rows"][name]["figures"]["uar"] for name in LINES if name in found["rows"]}
    if not rows:
        return None
    figure = Figure(figsize=(5.2, 3.4))
    axes = figure.subplots()
    for name, uar in rows.items():
        label, colour = LINES[name]
        random = sorted(c for c in uar if c.startswith("random "))
        whole = max((c for c in uar if "random" not in c and c != "fixed"), key=len)
        rates = [0.0, *(float(c.split()[1]) for c in random)]
        values = [uar[whole], *(uar[c] for c in random)]
        axes.plot(rates, [v[0] for v in values], color=colour, label=label, linewidth=1.6)
        if name in {"ours", "drop"}:
            axes.fill_between(
                rates, [v[1] for v in values], [v[2] for v in values], color=colour, alpha=0.15,
                linewidth=0,
            )  # fmt: skip
    plain(axes, "missing rate", "UAR")
    axes.legend(frameon=False, fontsize=8)
    return figure


def steps_plot(rows: Mapping[str, Any]) -> Figure | None:
    """UAR of student, naive steps and teacher against the steps, one colour per K."""
    if "teacher50.k32" not in rows:
        return None
    figure = Figure(figsize=(5.2, 3.4))
    axes = figure.subplots()
    for samples, colour in SAMPLES.items():
        for net, style in (("student", "-o"), ("naive", "--s")):
            names = [f"{net}{s}.k{samples}" for s in STEPS]
            there = [(s, n) for s, n in zip(STEPS, names, strict=True) if n in rows]
            values = [rows[n]["figures"]["uar"]["fixed"][0] for _, n in there]
            label = f"{net}, {samples} sample{'s' if samples > 1 else ''}"
            axes.plot(
                [s for s, _ in there], values, style, color=colour, label=label, markersize=4,
                linewidth=1.2,
            )  # fmt: skip
        teacher = rows[f"teacher50.k{samples}"]["figures"]["uar"]["fixed"]
        axes.errorbar(
            [50], [teacher[0]], [[teacher[0] - teacher[1]], [teacher[2] - teacher[0]]],
            fmt="D", color=colour, markersize=4, capsize=2, linewidth=0.8,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks([1, 2, 4, 50], ["1", "2", "4", "50 (teacher)"])
    axes.minorticks_off()
    plain(axes, "steps", "UAR, fixed subsets")
    axes.legend(frameon=False, fontsize=7, ncols=2)
    return figure


def reliability_plot(rows: Mapping[str, Any]) -> Figure | None:
    """Accuracy against confidence of ours and one-sample recovery, by pattern."""
    shown = [name for name in ("ours", "one") if "reliability" in rows.get(name, {})]
    if not shown:
        return None
    patterns = list(rows[shown[0]]["reliability"])
    figure = Figure(figsize=(2.4 * len(patterns), 2.6))
    panels = figure.subplots(1, len(patterns), sharey=True, squeeze=False)[0]
    for axes, pattern in zip(panels, patterns, strict=True):
        axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.8)
        for name in shown:
            bins = rows[name]["reliability"][pattern]
            kept = [k for k, count in enumerate(bins["count"]) if count >= 10]
            label, colour = LINES[name]
            axes.plot(
                [bins["confidence"][k] for k in kept], [bins["accuracy"][k] for k in kept],
                "-o", color=colour, markersize=3, linewidth=1.2,
                label=f"{label}, ECE {bins['ece']:.3f}",
            )  # fmt: skip
        axes.set_title(pattern, fontsize=9)
        plain(axes, "confidence", "accuracy" if axes is panels[0] else "")
        axes.legend(frameon=False, fontsize=7, loc="lower right")
    return figure


def gate_plot(gate: Mapping[str, Any] | None) -> Figure | None:
    """How often the gate gave which share, by pattern."""
    if gate is None:
        return None
    patterns = [name for name in gate if name != "edges"]
    figure = Figure(figsize=(2.4 * len(patterns), 2.4))
    panels = figure.subplots(1, len(patterns), sharey=True, squeeze=False)[0]
    edges = gate["edges"]
    for axes, pattern in zip(panels, patterns, strict=True):
        counts = gate[pattern]["histogram"]
        total = max(1, sum(counts))
        axes.bar(
            edges[:-1], [c / total for c in counts], width=edges[1] - edges[0], align="edge",
            color=LINES["ours"][1],
        )  # fmt: skip
        axes.set_title(pattern, fontsize=9)
        plain(axes, "share of recovery", "share of takes" if axes is panels[0] else "")
    return figure
