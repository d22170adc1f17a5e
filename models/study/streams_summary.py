"""Figures of the study of streams: recall per gap, means over gaps, and paired differences."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from ..errors import ModelError
from .statistics import Floats, Tally, draws, interval, recall_curve, stack, surprise_curve
from .streams_windows import BIN_S, GAPS, NAMES

OURS: Final = ("recovery, soft gate", "recovery, K=32", "recovery and drop+KD, averaged")
AGAINST: Final = (
    "drop",
    "drop+KD",
    "hold last",
    "drop+KD given the past",
    "two drop+KD, averaged",
    "MLP regression",
    "drop+KD, second generation",
    "two of those, averaged",
    "MLP regression, second generation",
    "recovery, K=1",
    "recovery without past, K=8",
    "naive one-step Euler of the teacher, K=8",
)
Run = Mapping[str, Any]
Curve = Callable[[Tally, Floats], Floats]


def merged(runs: Sequence[Run], condition: str, method: str) -> Tally:
    """All runs of one method under one condition: seeds in the first axis, people in the second.

    Raises:
        ModelError: a seed lacks a person that another has.
    """
    seeds = sorted({run["seed"] for run in runs})
    tallies, met = [], []
    for seed in seeds:
        rows: dict[int, tuple[Any, Any, float]] = {}
        for run in runs:
            if run["seed"] != seed:
                continue
            found = run["test"][condition]
            columns = (found["hits"][method], found["support"], found["surprise"][method])
            for person, *row in zip(found["people"], *columns, strict=True):
                rows[person] = (row[0], row[1], row[2])
        people = sorted(rows)
        met.append(people)
        hits, support, surprise = zip(*(rows[p] for p in people), strict=True)
        tallies.append(
            Tally(
                np.array(hits, float)[None],
                np.array(support, float)[None],
                np.array(surprise, float)[None],
            )
        )
    if any(people != met[0] for people in met):
        raise ModelError(f"seeds {seeds} are not all read on the same people")
    return stack(tallies)


def summarise(runs: Sequence[Run]) -> dict[str, Any]:
    """Everything that the tables show.

    Args:
        runs: every split of every seed, as `streams.run` gives them.

    Returns:
        per lost modality: per gap and for their mean the UAR of each method with its interval over
        whole people, its mean surprise, and the differences of ours to each of the others.
    """
    result: dict[str, Any] = {
        "schema": "streams/1",
        "seeds": sorted({run["seed"] for run in runs}),
        "lost": {},
    }
    for name in NAMES:
        conditions = [f"{name} {gap}" for gap in GAPS]
        methods = list(runs[0]["test"][conditions[0]]["hits"])
        tallies = {m: [merged(runs, c, m) for c in conditions] for m in methods}
        people = tallies[methods[0]][0].hits.shape[1]
        weights = draws(people)
        recall = {m: _curves(tallies[m], weights, recall_curve) for m in methods}
        surprise = {m: _curves(tallies[m], weights, surprise_curve) for m in methods}
        result["lost"][name] = {
            "people": people,
            "gaps": {
                gap_name(gap): {m: list(interval(recall[m][k])) for m in methods}
                for k, gap in enumerate(GAPS)
            },
            "mean": {m: list(interval(recall[m].mean(axis=0))) for m in methods},
            "surprise": {m: list(interval(surprise[m].mean(axis=0))) for m in methods},
            "differences": {
                **{
                    gap_name(gap): _differences({m: recall[m][k] for m in methods})
                    for k, gap in enumerate(GAPS)
                },
                "mean": _differences({m: recall[m].mean(axis=0) for m in methods}),
            },
        }
    return result


def gap_name(gap: int) -> str:
    """Such as "0.5 s", or "whole"."""
    return "whole" if gap == GAPS[-1] else f"{gap * BIN_S:g} s"


def _curves(tallies: Sequence[Tally], weights: Floats, curve: Curve) -> Floats:
    return np.stack([curve(one, weights) for one in tallies])


def _differences(curves: Mapping[str, Floats]) -> dict[str, dict[str, list[float]]]:
    return {
        ours: {
            other: list(interval(curves[ours] - curves[other]))
            for other in AGAINST
            if other in curves
        }
        for ours in OURS
        if ours in curves
    }
