"""Sums finished cells up: every model under every condition, with intervals and tests.

Intervals resample whole clusters (videos, speakers); the same draws serve all models. Seeds are
averaged inside each draw: an interval says how far a figure would move with other people. The
spread over seeds stands beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..study.cells import CellStore, Job
from ..study.judging import EMPTY
from ..study.statistics import interval
from .catalogue import CATALOGUE, REFERENCE
from .cell import MASKS
from .protocols import DRAWS, Setting, present_names, settings_of
from .scores import (
    METRICS,
    Counts,
    Floats,
    area,
    cluster_weights,
    corrected,
    count,
    curves,
    paired_p,
    shares,
    stacked,
)
from .sets import DataSet

Arrays = Mapping[str, NDArray[Any]]
AREA: Final = "auilc"
LOST: Final = "fixed, something lost"


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One model's answers on one fold, and the masks of that fold."""

    arrays: Arrays
    masks: Arrays


def reading(fold: Fold, setting: Setting, names: Sequence[Any], turn: int) -> Floats:
    """Probabilities (N, C) of a fold under a condition; `turn` counts its masks."""
    arrays = fold.arrays
    if setting.damages:
        return np.asarray(arrays[f"damage.{setting.key}"])
    if setting.kept:
        return np.asarray(arrays[f"test.{setting.name}"])
    size = len(arrays["labels"])
    prior = np.tile(arrays["prior"], (size, 1))
    patterns = present_names(fold.masks[setting.key][turn], names)
    out = prior.copy()
    for pattern in set(patterns) - {EMPTY}:
        rows = [row for row, found in enumerate(patterns) if found == pattern]
        out[rows] = arrays[f"test.{pattern}"][rows]
    return out


def counted(
    folds: Sequence[Fold], setting: Setting, known: DataSet, index: Mapping[int, int]
) -> Counts:
    """Counts of one seed over all its folds and masks."""
    turns = 1 if setting.kept or setting.damages else DRAWS
    labels = np.concatenate([f.arrays["labels"] for f in folds])
    groups = np.concatenate([f.arrays["groups"] for f in folds])
    clusters = np.array([index[int(g)] for g in groups], dtype=np.int64)
    total: Counts | None = None
    for turn in range(turns):
        read = np.concatenate([reading(f, setting, known.modalities, turn) for f in folds])
        made = count(read, labels, clusters)
        total = made if total is None else total + made
    assert total is not None
    return total


class Reader:
    """Finished cells of one training regime as folds by model and seed.

    Args:
        store: cells.
        study: first part of the jobs' names.
        folds: that a seed must have to count.
    """

    def __init__(self, store: CellStore, study: str, folds: int) -> None:
        self._store = store
        self.lines = {key: line for key, line in store.finished().items() if key[0].study == study}
        self._folds = folds

    def models(self) -> list[str]:
        """Models with at least one whole seed, in the order of the catalogue."""
        found = {name for _, name in self.lines if self.seeds(name)}
        known = [name for name in CATALOGUE if name in found]
        return [*known, *sorted(found - set(known))]

    def seeds(self, model: str) -> list[int]:
        """Seeds of which all folds are finished."""
        by_seed: dict[int, int] = {}
        for job, name in self.lines:
            if name == model:
                by_seed[job.seed] = by_seed.get(job.seed, 0) + 1
        return sorted(seed for seed, folds in by_seed.items() if folds >= self._folds)

    def jobs(self, model: str, seed: int) -> list[Job]:
        """Jobs of a model and seed, by fold."""
        return sorted(job for job, name in self.lines if name == model and job.seed == seed)

    def read(self, model: str, seed: int) -> list[Fold]:
        """Answers and masks of all folds of a seed."""
        return [
            Fold(self._store.read(job, model), self._store.read(job, MASKS))
            for job in self.jobs(model, seed)
        ]

    def mean(self, model: str, field: str) -> float:
        """Mean of a figure over the cells of a model."""
        values = [line[field] for (_, name), line in self.lines.items() if name == model]
        return float(np.mean(values))


def summarise(store: CellStore, study: str, known: DataSet, folds: int) -> dict[str, Any]:
    """Everything that tables and plots of one comparison need.

    Args:
        store: finished cells.
        study: first part of the jobs' names.
        known: the data set.
        folds: of a seed.

    Raises:
        ModelError: no model has a seed with all folds.
    """
    reader = Reader(store, study, folds)
    models = reader.models()
    if not models:
        raise ModelError(f"{study}: no model has a finished seed yet; run the comparison further")
    first = reader.read(models[0], reader.seeds(models[0])[0])
    groups = sorted({int(g) for fold in first for g in fold.arrays["groups"]})
    index = {group: place for place, group in enumerate(groups)}
    weights = cluster_weights(len(groups))
    settings = settings_of(known.modalities, 2 if known.timed else 1)
    rows, parts = {}, {}
    for model in models:
        by_seed = {seed: reader.read(model, seed) for seed in reader.seeds(model)}
        counts = {
            s.key: stacked([counted(f, s, known, index) for f in by_seed.values()])
            for s in settings
        }
        rows[model] = row_of(counts, settings, weights, known)
        rows[model]["seeds"] = reader.seeds(model)
        rows[model] |= {
            name: round(reader.mean(model, name), 3)
            for name in ("parameters", "fit_s", "latency_ms")
        }
        parts[model] = counts
    return {
        "study": study,
        "title": known.title,
        "note": known.note,
        "metric": known.metric,
        "modalities": list(known.modalities),
        "clusters": len(groups),
        "cluster": known.clusters,
        "samples": int(sum(len(f.arrays["labels"]) for f in first)),
        "realised": realised_of(reader),
        "rows": rows,
        "tests": tests_of(rows, parts, settings, known),
    }


def realised_of(reader: Reader) -> dict[str, float]:
    """Mean realised share of empty slots of each condition."""
    lines = list(reader.lines.values())
    keys = lines[0]["realised"]
    return {key: round(float(np.mean([ln["realised"][key] for ln in lines])), 4) for key in keys}


def row_of(
    counts: Mapping[str, Counts], settings: Sequence[Setting], weights: Floats, known: DataSet
) -> dict[str, Any]:
    """All figures of one model."""
    found = {setting.key: curves(counts[setting.key], weights) for setting in settings}
    random = {s.rates[0]: s.key for s in settings if s.protocol == "random"}
    means = {m: area({r: found[k][m] for r, k in random.items()}) for m in METRICS}
    lossy = [s.key for s in settings if s.kept and len(s.kept) < len(known.modalities)]
    found[AREA] = means
    if lossy:
        found[LOST] = {m: np.mean([found[k][m] for k in lossy], axis=0) for m in METRICS}
    return {
        "figures": {
            key: {m: [round(x, 5) for x in interval(curve)] for m, curve in by_metric.items()}
            for key, by_metric in found.items()
        },
        "seed_spread": seed_spread(counts, random, known.metric),
    }


def seed_spread(counts: Mapping[str, Counts], random: Mapping[float, str], metric: str) -> float:
    """Standard deviation of the area over seeds; 0 with one."""
    seeds = next(iter(counts.values())).confusion.shape[0]
    areas = []
    for seed in range(seeds):
        by_rate = {}
        for rate, key in random.items():
            c = counts[key]
            one = Counts(
                c.confusion[seed : seed + 1],
                c.surplus[seed : seed + 1],
                c.surprise[seed : seed + 1],
            )
            by_rate[rate] = curves(one, np.ones((1, c.confusion.shape[1])))[metric]
        areas.append(float(area(by_rate)[0]))
    return round(float(np.std(areas, ddof=1)), 5) if seeds > 1 else 0.0


def tests_of(
    rows: Mapping[str, Any],
    parts: Mapping[str, Mapping[str, Counts]],
    settings: Sequence[Setting],
    known: DataSet,
) -> dict[str, Any]:
    """Each model against the reference under random missing, on the seeds that both have.

    The figure is the area over the rate; p is corrected for the number of models.
    """
    if REFERENCE not in rows:
        return {}
    keys = [s.key for s in settings if s.protocol == "random"]
    metric = "uar" if known.metric == "uar" else "accuracy"
    raw: dict[str, float] = {}
    gaps: dict[str, list[float]] = {}
    for model in rows:
        common = sorted(set(rows[model]["seeds"]) & set(rows[REFERENCE]["seeds"]))
        if model == REFERENCE or not common:
            continue
        own, base = (
            clusterwise(parts[name], rows[name]["seeds"], common, (keys, metric))
            for name in (model, REFERENCE)
        )
        raw[model] = paired_p(own, base)
        curve = cluster_weights(len(own)) @ (own - base)
        gaps[model] = [round(x, 5) for x in interval(np.asarray(curve))]
    adjusted = corrected(raw)
    return {
        model: {"gap": gaps[model], "p": round(raw[model], 5), "p_corrected": adjusted[model]}
        for model in raw
    }


def clusterwise(
    counts: Mapping[str, Counts],
    seeds: Sequence[int],
    common: Sequence[int],
    asked: tuple[Sequence[str], str],
) -> Floats:
    """(G,) shares in the area over the rate, on some of the seeds."""
    keys, metric = asked
    chosen = [list(seeds).index(seed) for seed in common]
    by_rate = {float(key.split()[1]): shares(picked(counts[key], chosen), metric) for key in keys}
    return area(by_rate)


def picked(counts: Counts, repetitions: Sequence[int]) -> Counts:
    """Some of the repetitions."""
    index = list(repetitions)
    return Counts(counts.confusion[index], counts.surplus[index], counts.surprise[index])
