"""Text of docs/models.md: what was asked for and reached, with the short tables.

Everything else is on docs/models-details.md (`tools/models_page.py`). See `tools/models_docs.py`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tools.models_asked import ENCODERS, FINDERS, asked, gap_names
from tools.models_page import (
    ABLATION,
    NAMES,
    ablation_table,
    figure,
    near_table,
    plots_of,
    points,
    share_name,
    step_table,
)
from tools.result_tables import MISSING, load, table

DETAILS: Final = "models-details.md"
SHOWN: Final = (
    "ours", "recovered.full", "recovered", "one", "euler1", "regression", "again.regression",
    "nearest", "random", "mean", "zero", "dropkd", "dropkd.two", "again", "again.two", "drop",
    "drop.tuned", "drop.two",
)  # fmt: skip
PAIRED: Final = (
    "whole", "drop", "drop+kd", "drop+kd, refined", "student@1", "student@2", "student@4",
    "teacher@50", "euler@1", "euler@4", "mlp", "mean", "zero",
)  # fmt: skip
PASTS: Final = ("with past", "without past")

HEAD: Final = f"""# Models: what was measured

Made by `python -m tools.models_docs` from the files under `results/` and the shipped manifests;
don't edit. All tables, protocols and notes are in [{DETAILS}]({DETAILS}); who may use the weights,
and where they fail, is in their cards under `models/weights`.

Figures are shares of one. UAR: unweighted average recall. NLL: −log p of the label in nats. ECE:
expected calibration error. Brackets are 95 % intervals from 2000 resamplings of whole speakers or
videos; differences are paired, in points of UAR.
"""


def summary(root: Path) -> str:
    """The whole page.

    Args:
        root: the repository.
    """
    results = root / "results"
    lines = [line for find in FINDERS for line in find(results)]
    parts = [
        HEAD,
        "## Asked for and reached",
        asked(lines),
        "## Encoders",
        *(encoder_table(results, kind) for kind in ENCODERS),
        "## Recovery in the shipped models",
        shipped(results),
        "## Recovery of real pairs: RAVDESS audio and face",
        study(root, "ravdess"),
        "## Recovery of real pairs: MOSI text and audio",
        study(root, "mosi"),
        "## Streams that drop in mid-clip",
        streams(results),
        "## A person's own baseline",
        baseline(results),
        "## Time",
        speed(results),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def encoder_table(results: Path, kind: str) -> str:
    """Every way of training that was tried, on validation and test."""
    found = load(results / "encoders" / f"{kind}.json")
    if found is None:
        return MISSING.format(path=f"results/encoders/{kind}.json")
    rows = [
        [named(approach), *(brief(approach.get(part)) for part in ("valid", "test"))]
        for approach in found["approaches"]
    ]
    final = {part: found["final"].get(part) for part in ("valid", "test")}
    if kind != "text":
        rows.append(["**shipped**", *(brief(final[part]) for part in ("valid", "test"))])
    else:
        scores = {
            part: {name: found["final"][name][part] for name in TEXT_SCORES}
            for part in ("valid", "test")
        }
        rows.append(["**shipped**", *(brief(scores[part]) for part in ("valid", "test"))])
    size = f"{found['parameters'] / 1e6:.2f} M parameters"
    return f"**{kind.capitalize()}**, {size}\n\n" + table(["", "validation", "test"], rows)


def named(approach: Mapping[str, Any]) -> str:
    """Name, note and cross-validation of a way of training."""
    parts = [str(approach["name"])]
    if approach.get("note"):
        parts.append(str(approach["note"]))
    for key, people in (("cv", "without the test actors"), ("cv_all", "over all actors")):
        if found := approach.get(key):
            uar, folds = found["uar"], found["folds"]
            parts.append(
                f"cross-validation {people}, {folds} fold{'' if folds == 1 else 's'}: UAR "
                f"{uar['value']:.3f} [{uar['low']:.3f}, {uar['high']:.3f}]"
            )
    return "; ".join(parts)


TEXT_SCORES: Final = ("goemotions_macro_f1", "meld_weighted_f1")
BRIEF: Final = ("accuracy", "uar", *TEXT_SCORES)


def brief(part: Any) -> str:
    """The main figures of a part in one cell."""
    if not part:
        return "–"
    found = [
        f"{name.replace('_', ' ')} {part[name]:.3f}" for name in BRIEF if part.get(name) is not None
    ]
    inner = [f"{name}: {brief(part[name])}" for name in ("accurate", "balanced") if name in part]
    return "; ".join(found + inner) or "–"


def shipped(results: Path) -> str:
    """The class-paired figures: methods over all gaps, and each gap as it is shipped."""
    found = load(results / "recovery" / "paired.json")
    if found is None:
        return MISSING.format(path="results/recovery/paired.json")
    windows = found.get("gate_windows", 400)
    parts = [
        (
            "Class-paired windows: voice, face and words of three data sets that share a class, "
            "with a made-up past. No figure here is one of real trimodal speech. First, ways of "
            f"filling on the same windows, mean over six gaps ({found['windows_per_gap']} windows "
            "each); feature error as R² of the lost tokens. How near they come to real pairs, and "
            "how far distributions are apart, is in the tables of RAVDESS and MOSI."
        ),
        method_means(found["gaps"]),
        (
            f"Second, each gap as shipped, test part, {windows} windows each. `measured|lost`; "
            "*share* is what the gate gives to recovery, *surer* the share of windows in which "
            "the answer is surer than that of the whole window."
        ),
        gap_table(found["gate"]),
    ]
    return "\n\n".join(parts)


def method_means(gaps: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Means over the gaps, with and without a past, of each method at its most samples."""
    columns = ["method", *(f"{name}, {past}" for past in PASTS for name in ("accuracy", "NLL"))]
    columns += ["ECE", "R²", "distance", "ms"]
    body = []
    for method in PAIRED:
        cells: list[Any] = []
        rest: list[Any] = []
        for past in PASTS:
            lines = [best(rows, method) for gap, rows in gaps.items() if gap.endswith(f", {past}")]
            cells += [mean_of(lines, "accuracy"), mean_of(lines, "nll")]
            if past == PASTS[0]:
                rest = [
                    mean_of(lines, key) for key in ("ece", "r2", "energy_distance", "ms_per_window")
                ]
        body.append([method, *cells, *rest])
    given = [k for k in range(len(columns)) if any(row[k] is not None for row in body)]
    return table([columns[k] for k in given], [[row[k] for k in given] for row in body])


def best(rows: Sequence[Mapping[str, Any]], method: str) -> Mapping[str, Any]:
    """A method's line with the most samples."""
    own = [row for row in rows if row["method"] == method]
    return max(own, key=lambda row: row["samples"]) if own else {}


def mean_of(lines: Sequence[Mapping[str, Any]], key: str) -> float | None:
    """Mean over lines that have the figure."""
    values = [line[key] for line in lines if line.get(key) is not None]
    return sum(values) / len(values) if values else None


def gap_table(gate: Mapping[str, float]) -> str:
    """Accuracy, likelihood and calibration of each gap as shipped."""
    fields = (
        "drop_accuracy", "final_accuracy", "whole_accuracy", "drop_nll", "final_nll", "drop_ece",
        "final_ece", "final_confidence", "whole_confidence", "share", "surer",
    )  # fmt: skip
    body = [[gap, *(gate[f"test.{gap}.{name}"] for name in fields)] for gap in gap_names(gate)]
    return table(["gap", *(name.replace("_", " ") for name in fields)], body)


def study(root: Path, name: str) -> str:
    """Short tables and plots of one study."""
    path = f"results/study/{name}.json"
    found = load(root / path)
    if found is None:
        return MISSING.format(path=path)
    notes = load(root / f"results/study/{name}.notes.json")
    parts = [str(notes["notes"][0])] if notes else []
    for share, part in found["shares"].items():
        rows = part["rows"]
        seeds = len(rows["ours"]["seeds"]) if "ours" in rows else 0
        parts.append(f"### {share_name(share)} ({seeds} seed{'' if seeds == 1 else 's'})")
        columns = ["method", "fixed subsets", "random .1–.7", "NLL", "ours − it, fixed"]
        body = []
        for method in (m for m in SHOWN if m in rows):
            own, behind = rows[method]["figures"], rows[method].get("behind")
            body.append(
                [
                    NAMES[method],
                    figure(own["uar"]["fixed"]),
                    figure(own["uar"]["random"]),
                    own["nll"]["fixed"][0],
                    points(behind["uar"]["fixed"]) if behind else "–",
                ]
            )
        parts.append(table(columns, body))
        steps = step_table(rows) if float(share) == 1.0 else ""
        if steps:
            parts.append(f"**Steps and samples**, UAR over the fixed subsets\n\n{steps}")
        if "near" in part:
            parts.append(near_table(part["near"], rows))
        if any(method in rows for method in ABLATION):
            parts.append(ablation_table(rows))
        parts += plots_of(root, name, share)
    return "\n\n".join(parts)


def streams(results: Path) -> str:
    """Mean over gaps of every method."""
    found = load(results / "streams" / "summary.json")
    if found is None:
        return MISSING.format(path="results/streams/summary.json")
    seeds = len(found["seeds"])
    parts = [f"UAR, mean over gaps of 0.5, 1, 2 s and the whole window; {seeds} seed(s)."]
    for shown in found["tables"]:
        if "mean" in shown["columns"]:
            at = shown["columns"].index("mean")
            parts.append(
                f"**{shown['title']}**\n\n"
                + table(["method", "mean"], [[row[0], row[at]] for row in shown["rows"]])
            )
    return "\n\n".join(parts)


def baseline(results: Path) -> str:
    """The cross-validated table."""
    found = load(results / "baseline" / "ravdess.json")
    if found is None:
        return MISSING.format(path="results/baseline/ravdess.json")
    first = found["tables"][0]
    return f"**{first['title']}**\n\n{table(first['columns'], first['rows'])}"


def speed(results: Path) -> str:
    """Time by gap, back end and number of samples."""
    found = load(results / "bench" / "recover.json")
    if found is None:
        return MISSING.format(path="results/bench/recover.json")
    names = ("student_p50_ms", "student_p95_ms", "student_cpu_p50_ms", "teacher_p50_ms", "faster")
    body = [
        [gap, backend, what, *(figures[key + name] for name in names), figures[f"{key}faster_cpu"]]
        for gap, backends in found["cpu"].items()
        for backend, figures in backends.items()
        for what, key in (("all", ""), ("drawing", "drawing_"))
    ]
    columns = ["gap", "back end", "what", "p50 ms", "p95 ms", "CPU p50 ms", "teacher p50 ms", "x"]
    columns.append("x, CPU")
    counts = [
        [count, figures["student_p50_ms"], figures["student_cpu_p50_ms"]]
        for count, figures in found["by_samples"].items()
    ]
    return "\n\n".join(
        [
            f"`tacit bench recover --json`: one window, one thread, {found['samples']} samples of "
            f"{found['student_steps']} step, from its tokens to the mixed answer (all), and only "
            "the samples of what is lost (drawing); CPU is the time that the thread had the "
            "processor. " + found.get("note", ""),
            table(columns, body),
            "By number of samples:",
            table(["samples", "p50 ms", "CPU p50 ms"], counts),
        ]
    )
