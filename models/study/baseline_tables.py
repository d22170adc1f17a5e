"""Tables and notes of the study of baselines, for docs/models.md, from its figures alone."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

TARGET: Final = 0.5
"""Share of the transductive gain that a causal baseline is to keep."""
CAUSAL: Final = ("declared, 3 clips", "running", "declared + running")
STRETCHED: Final = (*CAUSAL[1:], "running, expressions in blocks")
TITLE: Final = "What a person's own baseline is worth, and what of it is causal"
PROTOCOL: Final = (
    "RAVDESS, 7 classes. Audio: 141 statistics of a clip; face: means of 35 action units; a "
    "logistic regression on both side by side. A person's clips come in random order after three "
    "neutral ones (about ten seconds), which are the declared calibration and are not judged; "
    "eight orders per person. Causal kinds see each clip against the state before it and never a "
    "label; transductive uses all of the person's clips. Training people are seen in the same way. "
    "Rule and classifier are chosen on validation actors. Share: what is kept of the transductive "
    "gain. Intervals over whole actors."
)
Figures = Mapping[str, Mapping[str, Any]]


def tables(splits: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Tables in the form that tools/result_tables.py lays out.

    Args:
        splits: by title and set of features, with "figures" as `baseline.figures` gives them.
    """
    made = []
    for title, sets in splits.items():
        figures = {name: found["figures"] for name, found in sets.items()}
        made.append(_by_variant(f"UAR, {title}", figures))
        made.append(_by_time(f"UAR by clips heard before, {title}", figures))
    return made


def notes(splits: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """Whether the target is met, and what stands against it."""
    lines = []
    for title, sets in splits.items():
        for name, found in sets.items():
            shares = {v: found["figures"][v]["share"][0] for v in CAUSAL}
            kept = ", ".join(f"{v} {share:.2f}" for v, share in shares.items())
            reached = [v for v, share in shares.items() if share >= TARGET]
            verdict = f"reached by {', '.join(reached)}" if reached else "not reached"
            lines.append(f"{title}, {name}: share kept {kept}. Half of the gain: {verdict}.")
    return [*lines, *LIMITS]


LIMITS: Final = (
    "A random order shows all expressions soon, which suits a running estimate.",
    "Expressions in blocks: minutes of one expression, read by the model of random orders.",
    "Shares on four test actors have wide intervals, the more so where the gain itself is small.",
    "Calibration clips are acted neutral, by the same actor on the same day.",
)


def _by_variant(title: str, figures: Mapping[str, Figures]) -> dict[str, Any]:
    columns = ["normalisation"]
    for name in figures:
        columns += [name, "share kept"]
    rows = []
    for variant in next(iter(figures.values())):
        row: list[Any] = [variant]
        for found in figures.values():
            row += [_interval(found[variant]["uar"]), _share(variant, found[variant]["share"])]
        rows.append(row)
    return {"title": title, "columns": columns, "rows": rows}


def _by_time(title: str, figures: Mapping[str, Figures]) -> dict[str, Any]:
    heard = list(next(iter(figures.values()))["running"]["heard"])
    rows = [
        [name, variant, *(_interval(found[variant]["heard"][stretch]) for stretch in heard)]
        for name, found in figures.items()
        for variant in STRETCHED
    ]
    return {"title": title, "columns": ["features", "normalisation", *heard], "rows": rows}


def _share(variant: str, values: Sequence[float]) -> Any:
    return None if variant in ("none", "transductive") else _interval(values)


def _interval(values: Sequence[float]) -> dict[str, float]:
    value, low, high = values
    return {"value": value, "low": low, "high": high}
