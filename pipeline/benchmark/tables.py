"""Tables of a comparison, from its summary: once as data, then as Markdown or HTML."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ...models.benchmark.catalogue import titles
from ...models.benchmark.protocols import PROTOCOLS
from ...models.benchmark.summary import AREA, LOST

METRIC_NAMES: Final = {
    "accuracy": "accuracy",
    "uar": "UAR",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "ece": "ECE",
    "nll": "NLL",
}
PROTOCOL_TITLES: Final = {
    "fixed": "what all samples keep",
    "random": "missing rate",
    "imbalanced": "missing rate of each modality",
    "frames": "share of frames lost",
    "blocks": "length of the lost block, as a share",
    "noise": "signal to noise on all modalities",
}
SIGNIFICANT: Final = 0.05


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes:
        title: above it.
        head: column names.
        rows: as many cells each.
        note: under it.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def share(value: float) -> str:
    """A share of one as percent with one decimal."""
    return f"{100.0 * value:.1f}"


def ranged(figure: Sequence[float]) -> str:
    """A figure and its interval, percent."""
    value, low, high = figure
    return f"{share(value)} [{share(low)}, {share(high)}]"


def named(summary: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Titles and rows of all models."""
    rows = summary["rows"]
    return list(zip(titles(list(rows)), rows.values(), strict=True))


def protocol_table(summary: Mapping[str, Any], protocol: str) -> Table | None:
    """Models by the conditions of one protocol; None without such conditions."""
    rows = named(summary)
    keys = [k for k in rows[0][1]["figures"] if k.split(" ")[0] == protocol]
    if not keys:
        return None
    metric = summary["metric"]
    mean = {"random": AREA, "fixed": LOST}.get(protocol)
    if mean is not None and mean not in rows[0][1]["figures"]:
        mean = None
    head = ["model", *(k.split(" ", 1)[1] for k in keys)]
    head += [{"random": "AUILC", "fixed": "mean where something is lost"}[protocol]] if mean else []
    made = []
    for title, row in rows:
        cells = [title, *(share(row["figures"][k][metric][0]) for k in keys)]
        if mean:
            cells.append(ranged(row["figures"][mean][metric]))
        made.append(tuple(cells))
    realised = [summary["realised"][k] for k in keys if k in summary["realised"]]
    note = ""
    if protocol == "random" and realised:
        note = "Realised missing rates: " + ", ".join(f"{r:.3f}" for r in realised) + "."
    title = f"{METRIC_NAMES[metric]} (%) by {PROTOCOL_TITLES[protocol]}"
    return Table(title, tuple(head), tuple(made), note)


def metrics_table(summary: Mapping[str, Any]) -> Table:
    """All metrics as areas over the missing rate, and the spread over seeds."""
    head = ("model", *METRIC_NAMES.values(), "spread over seeds", "seeds")
    made = []
    for title, row in named(summary):
        figures = row["figures"][AREA]
        cells = [
            f"{figures[m][0]:.3f}" if m == "nll" else share(figures[m][0]) for m in METRIC_NAMES
        ]
        made.append((title, *cells, share(row["seed_spread"]), str(len(row["seeds"]))))
    return Table("All metrics, area over missing rates 0 to .7 (%; NLL in nats)", head, tuple(made))


def gaps_table(summary: Mapping[str, Any]) -> Table | None:
    """Paired differences to the reference."""
    tests = summary["tests"]
    if not tests:
        return None
    made = []
    for title, name in zip(titles(list(tests)), tests, strict=True):
        found = tests[name]
        verdict = ""
        if found["p_corrected"] < SIGNIFICANT:
            verdict = "better" if found["gap"][0] > 0 else "worse"
        made.append(
            (
                title,
                ranged(found["gap"]),
                f"{found['p']:.4f}",
                f"{found['p_corrected']:.4f}",
                verdict,
            )
        )
    metric = METRIC_NAMES["uar" if summary["metric"] == "uar" else "accuracy"]
    return Table(
        f"Against drop + distillation: points of {metric}, area over the missing rate",
        ("model", "difference", "p", "p corrected", ""),
        tuple(made),
        f"Paired over {summary['clusters']} {summary['cluster']} (permutation test); corrected for "
        f"{len(tests)} comparisons (Benjamini-Hochberg).",
    )


def cost_table(summary: Mapping[str, Any]) -> Table:
    """Size and time."""
    made = [
        (title, f"{row['parameters']:,.0f}", f"{row['fit_s']:.1f}", f"{row['latency_ms']:.1f}")
        for title, row in named(summary)
    ]
    return Table(
        "Cost",
        ("model", "parameters", "training, s of one thread", "one window, ms of one thread"),
        tuple(made),
        "Training counts everything that a model rests on. Times are of the process itself, not of "
        "the clock on the wall.",
    )


def tables_of(summary: Mapping[str, Any], protocols: Sequence[str] = PROTOCOLS) -> list[Table]:
    """All tables of a comparison, for some protocols."""
    made = [protocol_table(summary, protocol) for protocol in protocols]
    if "random" in protocols:
        made += [gaps_table(summary), metrics_table(summary)]
    made.append(cost_table(summary))
    return [table for table in made if table is not None]


def as_markdown(table: Table, level: int = 3) -> str:
    """A table with its title as a heading."""
    lines = [f"{'#' * level} {table.title}", "", "| " + " | ".join(table.head) + " |"]
    lines.append("|---" * len(table.head) + "|")
    lines += ["| " + " | ".join(row) + " |" for row in table.rows]
    if table.note:
        lines += ["", table.note]
    return "\n".join(lines) + "\n"


def cell(tag: str, text: str) -> str:
    """Escaped text in a tag."""
    return f"<{tag}>{html.escape(text)}</{tag}>"


def as_html(table: Table) -> str:
    """A table with its title; everything escaped."""
    head = "".join(cell("th", name) for name in table.head)
    rows = "\n".join(f"<tr>{''.join(cell('td', c) for c in row)}</tr>" for row in table.rows)
    note = cell("p", table.note) if table.note else ""
    return (
        f"{cell('h2', table.title)}\n<table>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody>\n</table>\n{note}\n"
    )
