"""Sums the cells of a study up: figures with intervals, and differences to a reference method.

Intervals resample whole clusters (speakers, videos) 2000 times; the same draws serve every method,
so differences are paired. Seeds are averaged inside each draw: the interval says how far the figure
would move with other people, not with another seed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..features import Modality
from ..metrics import expected_calibration_error
from ..zoo.samples import Ints
from .cells import CellStore, Job
from .gate_figures import gate_summary
from .judging import EMPTY
from .protocol import Condition, conditions, keep_mask, patterns_of
from .statistics import (
    Floats,
    Tally,
    accuracy_curve,
    draws,
    interval,
    recall_curve,
    stack,
    surprise_curve,
    tally,
)

MASK_DRAWS: Final = 5
"""Masks drawn per seed and rate; readings don't depend on them, so more cost nothing."""
BINS: Final = 10
GATED: Final = "ours"
RELIABILITY: Final = (GATED, "dropkd", "one", "drop")
CURVES: Final = {"uar": recall_curve, "accuracy": accuracy_curve, "nll": surprise_curve}

REFERENCES: Final = (
    ("plugin.", "plugin.ours"),
    ("student", "teacher50.k32"),
    ("naive", "teacher50.k32"),
    ("teacher", "teacher50.k32"),
    ("ablation.", "recovered.full"),
    ("", "ours"),
)
"""Leading part of a method's name and what it is compared with; the first that fits counts."""

Arrays = Mapping[str, NDArray[Any]]
Row = dict[str, dict[str, list[float]]]


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """One method's predictions on all folds with one seed.

    Attributes:
        readings: by pattern, "none" too, (N, C).
        labels: (N,).
        clusters: (N,) from 0 to G - 1.
    """

    readings: Mapping[str, Floats]
    labels: Ints
    clusters: Ints

    @property
    def classes(self) -> int:
        """C."""
        return int(next(iter(self.readings.values())).shape[1])


def pool(parts: Sequence[Arrays]) -> Pooled:
    """Join the folds of one method and seed."""
    names = [key.removeprefix("test.") for key in parts[0] if key.startswith("test.")]
    readings = {name: np.concatenate([p[f"test.{name}"] for p in parts]) for name in names}
    readings[EMPTY] = np.concatenate([np.tile(p["prior"], (len(p["labels"]), 1)) for p in parts])
    groups = np.concatenate([p["groups"] for p in parts])
    _, clusters = np.unique(groups, return_inverse=True)
    return Pooled(readings, np.concatenate([p["labels"] for p in parts]), clusters)


def modalities_of(pooled: Pooled) -> tuple[Modality, ...]:
    """Modalities that the patterns name."""
    longest = max((name for name in pooled.readings if name != EMPTY), key=len)
    words = longest.split("+")
    return tuple(name for name in ("audio", "face", "text") if name in words)


def tally_of(pooled: Pooled, condition: Condition, seed: int) -> Tally:
    """Count one seed's answers under a condition, over all mask draws."""
    names = modalities_of(pooled)
    size = len(pooled.labels)
    if condition.fixed is not None:
        read = pooled.readings[condition.name]
        return tally(read, pooled.labels, pooled.clusters, pooled.classes)
    order = list(pooled.readings)
    stacked = np.stack([pooled.readings[name] for name in order])
    total: Tally | None = None
    for turn in range(MASK_DRAWS):
        kept = keep_mask(names, size, condition.rate, seed * MASK_DRAWS + turn)
        index = np.array([order.index(name) for name in patterns_of(kept, names)])
        read = stacked[index, np.arange(size)]
        counted = tally(read, pooled.labels, pooled.clusters, pooled.classes)
        total = counted if total is None else total + counted
    assert total is not None
    return total


def groups_of(listed: Iterable[Condition]) -> dict[str, list[str]]:
    """Averages over conditions: the fixed ones in which something is lost, and the random ones."""
    every = list(listed)
    whole = max((c for c in every if c.fixed), key=lambda c: len(c.fixed or ()))
    return {
        "fixed": [c.name for c in every if c.fixed is not None and c is not whole],
        "random": [c.name for c in every if c.fixed is None],
    }


def curves_of(pooled: Mapping[int, Pooled], weights: Floats) -> dict[str, dict[str, Floats]]:
    """Bootstrap curves by metric and condition, averages over conditions included."""
    first = next(iter(pooled.values()))
    listed = conditions(modalities_of(first))
    found: dict[str, dict[str, Floats]] = {metric: {} for metric in CURVES}
    for condition in listed:
        counted = stack([tally_of(p, condition, seed) for seed, p in pooled.items()])
        for metric, curve in CURVES.items():
            found[metric][condition.name] = curve(counted, weights)
    for name, members in groups_of(listed).items():
        for by_name in found.values():
            by_name[name] = np.mean([by_name[m] for m in members], axis=0)
    return found


def rounded(curve: Floats) -> list[float]:
    """Figure, low and high end."""
    return [round(x, 5) for x in interval(curve)]


def reliability(pooled: Mapping[int, Pooled]) -> dict[str, Any]:
    """Calibration error and, per confidence bin, count, mean confidence and accuracy."""
    found: dict[str, Any] = {}
    for name in next(iter(pooled.values())).readings:
        if name == EMPTY:
            continue
        read = np.concatenate([p.readings[name] for p in pooled.values()])
        labels = np.concatenate([p.labels for p in pooled.values()])
        confidence = read.max(axis=1).astype(np.float64)
        right = (read.argmax(axis=1) == labels).astype(np.float64)
        place = np.clip((confidence * BINS).astype(int), 0, BINS - 1)
        count = np.bincount(place, minlength=BINS)
        safe = np.maximum(count, 1)
        found[name] = {
            "ece": round(expected_calibration_error(read, labels), 5),
            "count": count.tolist(),
            "confidence": (np.bincount(place, confidence, BINS) / safe).round(4).tolist(),
            "accuracy": (np.bincount(place, right, BINS) / safe).round(4).tolist(),
        }
    return found


def whole_seeds(
    finished: Iterable[tuple[Job, str]], share: float
) -> dict[str, dict[int, list[Job]]]:
    """By method and seed the jobs of all folds; seeds that lack a fold are left out."""
    by_method: dict[str, dict[int, list[Job]]] = {}
    folds = {job.fold for job, _ in finished}
    for job, method in sorted(finished, key=lambda cell: cell[0]):
        if job.share == share:
            by_method.setdefault(method, {}).setdefault(job.seed, []).append(job)
    return {
        method: {seed: jobs for seed, jobs in seeds.items() if len(jobs) == len(folds)}
        for method, seeds in by_method.items()
    }


def reference_of(method: str) -> str:
    """What a method is compared with."""
    return next(against for lead, against in REFERENCES if method.startswith(lead))


def summarise(study: str, store: CellStore, folds: Collection[int] | None = None) -> dict[str, Any]:
    """Everything that the tables and plots of a study need.

    Args:
        study: its name.
        store: its cells.
        folds: that count; None for all that any cell has. A share of labels that no seed has
            whole is left out.

    Raises:
        ModelError: nothing is finished, or predictions are not on this machine.
    """
    cells = store.finished()
    finished = [cell for cell in cells if folds is None or cell[0].fold in folds]
    if not finished:
        raise ModelError(f"{study}: no finished cell; run the study first")
    shares = sorted(
        {s for s in (job.share for job, _ in finished) if any(whole_seeds(finished, s).values())},
        reverse=True,
    )
    if not shares:
        raise ModelError("no method has a seed with all folds; run the study further")
    return {
        "study": study,
        "folds": sorted({job.fold for job, _ in finished}),
        "shares": {
            str(share): summarise_share(store, whole_seeds(finished, share)) for share in shares
        },
    }


def summarise_share(
    store: CellStore, cells: Mapping[str, Mapping[int, list[Job]]]
) -> dict[str, Any]:
    """Figures of all methods at one share of labels, and their references minus each.

    Raises:
        ModelError: no method has a seed with all folds.
    """
    kept = {method: seeds for method, seeds in cells.items() if seeds}
    if not kept:
        raise ModelError("no method has a seed with all folds; run the study further")
    pooled = {method: pooled_seeds(store, seeds, method) for method, seeds in kept.items()}
    first = next(iter(next(iter(pooled.values())).values()))
    weights = draws(int(first.clusters.max()) + 1)
    found: dict[str, Any] = {
        "clusters": int(first.clusters.max()) + 1,
        "samples": len(first.labels),
        "modalities": list(modalities_of(first)),
        "rows": {method: row_of(method, pooled, weights) for method in pooled},
    }
    if GATED in kept:
        found["gate"] = gate_summary(
            [store.read(job, GATED) for jobs in kept[GATED].values() for job in jobs]
        )
    return found


def row_of(
    method: str, pooled: Mapping[str, Mapping[int, Pooled]], weights: Floats
) -> dict[str, Any]:
    """Figures of one method; how far it lies behind its reference on the seeds of both."""
    row: dict[str, Any] = {"seeds": sorted(pooled[method])}
    row["figures"] = figures_of(curves_of(pooled[method], weights))
    against = reference_of(method)
    common = sorted(set(pooled[method]) & set(pooled.get(against, {})))
    if method != against and common:
        base = curves_of({s: pooled[against][s] for s in common}, weights)
        own = curves_of({s: pooled[method][s] for s in common}, weights)
        row["against"] = against
        row["behind"] = figures_of({m: {c: base[m][c] - own[m][c] for c in base[m]} for m in base})
    if method in RELIABILITY:
        row["reliability"] = reliability(pooled[method])
    return row


def pooled_seeds(
    store: CellStore, seeds: Mapping[int, list[Job]], method: str
) -> dict[int, Pooled]:
    """Predictions of one method by seed."""
    return {seed: pool([store.read(job, method) for job in jobs]) for seed, jobs in seeds.items()}


def figures_of(curves: Mapping[str, Mapping[str, Floats]]) -> Row:
    """Figures with intervals by metric and condition."""
    return {
        metric: {name: rounded(curve) for name, curve in by_name.items()}
        for metric, by_name in curves.items()
    }
