"""What a causal per-person baseline keeps of the gain that all of a person's clips would give.

For every set of features and kind of normalisation a classifier is trained on some people's
meetings, its settings are chosen on the meetings of others, and it is judged on a third group.
Training sees what a person's clips look like under the same kind of normalisation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ..baseline import BaselineRule, Floats, Ints, Population, fit_population
from ..datasets.ravdess_pairs import FOLDS
from ..labels import EMOTIONS
from ..metrics import unweighted_average_recall
from .baseline_data import Kind, Meeting, Order, People, View, meetings, seen
from .statistics import Tally, draws, interval, recall_curve, tally

OFFICIAL_VALID: Final = (15, 16)
OFFICIAL_TEST: Final = (17, 18, 19, 20)
TRAIN_REPEATS: Final = 2
JUDGED_REPEATS: Final = 8
STRENGTHS: Final = (0.03, 0.1, 0.3)
HEARD: Final = ((0, 4), (5, 9), (10, 19), (20, 39), (40, 99))
"""Stretches of a meeting: how many clips were heard before."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of the tables.

    Attributes:
        kind: of normalisation.
        calibration: how many neutral clips are declared.
        order: of the clips in the meetings that are judged.
    """

    kind: Kind
    calibration: int = 3
    order: Order = "random"


VARIANTS: Final[Mapping[str, Variant]] = {
    "none": Variant("none"),
    "declared, 1 clip": Variant("declared", 1),
    "declared, 2 clips": Variant("declared", 2),
    "declared, 3 clips": Variant("declared"),
    "running": Variant("running"),
    "running, expressions in blocks": Variant("running", order="blocks"),
    "declared + running": Variant("declared+running"),
    "declared + running, expressions in blocks": Variant("declared+running", order="blocks"),
    "transductive": Variant("transductive"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Settings found on the validation people.

    Attributes:
        rule: of the baseline.
        strength: C of the logistic regression; larger fits closer.
        uar: on the validation people.
    """

    rule: BaselineRule
    strength: float
    uar: float


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """A trained classifier with the way in which it sees clips.

    Attributes:
        model: of normalised features.
        view: how clips are normalised.
        population: of the people it was trained on.
    """

    model: Pipeline
    view: View
    population: Population


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """People of one split; no one is in two parts."""

    train: Ints
    valid: Ints
    test: Ints


def official_parts(people: Ints) -> Parts:
    """The split of the shipped audio encoder: validation 15-16, test 17-20, the rest trains."""
    names = np.unique(people)
    held = OFFICIAL_VALID + OFFICIAL_TEST
    return Parts(names[~np.isin(names, held)], np.array(OFFICIAL_VALID), np.array(OFFICIAL_TEST))


def fold_parts(people: Ints, fold: int) -> Parts:
    """Fold of five: the k-th group of neighbouring actors is the test, the next validates."""
    groups = np.array_split(np.unique(people), FOLDS)
    test, valid = groups[fold], groups[(fold + 1) % FOLDS]
    train = np.setdiff1d(np.unique(people), np.concatenate([test, valid]))
    return Parts(train, valid, test)


def rules(kind: Kind) -> tuple[BaselineRule, ...]:
    """What validation chooses among."""
    if kind in ("none", "transductive"):
        return (BaselineRule(),)
    if kind == "declared":
        return tuple(BaselineRule(doubt=d) for d in (0.3, 1.0))
    return (
        BaselineRule(scale_count=np.inf),
        BaselineRule(scale_count=10.0),
        BaselineRule(),
        BaselineRule(pull=0.3),
        BaselineRule(half_life_s=90.0),
    )


def classifier(strength: float) -> Pipeline:
    """A logistic regression on standardised features that weighs the classes equally."""
    linear = LogisticRegression(C=strength, max_iter=2000, class_weight="balanced")
    return make_pipeline(StandardScaler(), linear)


def gather(
    data: People, met: Sequence[Meeting], view: View, population: Population
) -> tuple[Floats, Ints]:
    """All clips of some meetings: values (N, D) and labels (N,)."""
    values = np.concatenate([seen(data, meeting, view, population) for meeting in met])
    return values, data.labels[np.concatenate([meeting.clips for meeting in met])]


def population_of(data: People, names: Ints) -> Population:
    """How some people differ."""
    rows = np.isin(data.people, names)
    return fit_population(data.values[rows], data.people[rows], data.neutral[rows])


def choose(data: People, parts: Parts, variant: Variant, seed: int) -> Choice:
    """Find the rule first, then the classifier, by the validation people's UAR."""
    rng = np.random.default_rng([seed, 1])
    population = population_of(data, parts.train)
    train = meetings(data, parts.train, TRAIN_REPEATS, rng)
    valid = meetings(data, parts.valid, JUDGED_REPEATS, rng)

    def score(rule: BaselineRule, strength: float) -> Choice:
        view = View(variant.kind, rule, variant.calibration)
        model = classifier(strength).fit(*gather(data, train, view, population))
        values, labels = gather(data, valid, view, population)
        return Choice(rule, strength, unweighted_average_recall(labels, model.predict(values)))

    first = [score(rule, STRENGTHS[0]) for rule in rules(variant.kind)]
    best = max(first, key=lambda c: c.uar)
    return max([best, *(score(best.rule, c) for c in STRENGTHS[1:])], key=lambda c: c.uar)


def fit(data: People, parts: Parts, variant: Variant, choice: Choice, seed: int) -> Reader:
    """Train on the training and the validation people."""
    people = np.sort(np.concatenate([parts.train, parts.valid]))
    population = population_of(data, people)
    view = View(variant.kind, choice.rule, variant.calibration)
    train = meetings(data, people, TRAIN_REPEATS, np.random.default_rng([seed, 2]))
    model = classifier(choice.strength).fit(*gather(data, train, view, population))
    return Reader(model, view, population)


def judge(data: People, names: Ints, reader: Reader, order: Order, seed: int) -> dict[str, Tally]:
    """Read the meetings of the test people, the same ones for every variant of an order.

    Returns:
        per stretch of the meeting that is reached, "all" among them, a tally over all repeats.
    """
    rng = np.random.default_rng([seed, 3])
    met = meetings(data, names, JUDGED_REPEATS, rng, order)
    values, labels = gather(data, met, reader.view, reader.population)
    said = np.eye(len(EMOTIONS))[reader.model.predict(values)]
    sizes = [len(m.clips) for m in met]
    place = np.concatenate([np.arange(size) for size in sizes])
    owner = np.repeat(np.arange(len(met)) % len(names), sizes)
    stretches = {"all": np.ones(len(place), np.bool_)}
    stretches |= {stretch_name(s): (place >= s[0]) & (place <= s[1]) for s in HEARD}
    return {
        name: tally(said[rows], labels[rows], owner[rows], len(EMOTIONS))
        for name, rows in stretches.items()
        if rows.any()
    }


def stretch_name(stretch: tuple[int, int]) -> str:
    """Such as "5-9" or "40+"."""
    low, high = stretch
    return f"{low}+" if stretch == HEARD[-1] else f"{low}-{high}"


def figures(counted: Mapping[str, Mapping[str, Tally]]) -> dict[str, Any]:
    """UAR, gain over none, and share of the transductive gain, each with its interval.

    Args:
        counted: per variant and stretch.
    """
    people = next(iter(counted.values()))["all"].hits.shape[1]
    weights = draws(people)
    curves = {name: recall_curve(tallies["all"], weights) for name, tallies in counted.items()}
    plain, best = curves["none"], curves["transductive"]
    return {
        name: {
            "uar": list(interval(curve)),
            "gain": list(interval(curve - plain)),
            "share": list(interval((curve - plain) / (best - plain))),
            "heard": {
                stretch: list(interval(recall_curve(some, weights)))
                for stretch, some in counted[name].items()
                if stretch != "all"
            },
        }
        for name, curve in curves.items()
    }


def run(data: People, parts: Parts, seed: int) -> dict[str, dict[str, Any]]:
    """Try every variant on one split.

    Returns:
        per variant: what validation chose, and per stretch the hits and the support, each
        (people, classes).
    """
    readers: dict[tuple[Kind, int], tuple[Choice, Reader]] = {}
    found = {}
    for name, variant in VARIANTS.items():
        key = variant.kind, variant.calibration
        if key not in readers:
            choice = choose(data, parts, variant, seed)
            readers[key] = choice, fit(data, parts, variant, choice, seed)
        choice, reader = readers[key]
        counted = judge(data, parts.test, reader, variant.order, seed)
        found[name] = {
            "chosen": described(choice),
            "hits": {k: t.hits[0].astype(int).tolist() for k, t in counted.items()},
            "support": {k: t.support[0].astype(int).tolist() for k, t in counted.items()},
        }
    return found


def pooled(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Tally]]:
    """Runs on disjoint people, as `run` gives them, as tallies per variant and stretch."""

    def joined(name: str, field: str, stretch: str) -> Floats:
        rows = [np.asarray(one[name][field][stretch], dtype=np.float64) for one in runs]
        return np.concatenate(rows)[None]

    return {
        name: {
            stretch: Tally(
                joined(name, "hits", stretch),
                joined(name, "support", stretch),
                np.zeros((1, len(joined(name, "hits", stretch)[0]))),
            )
            for stretch in runs[0][name]["hits"]
        }
        for name in runs[0]
    }


def described(choice: Choice) -> dict[str, Any]:
    """A choice as plain values; an infinite setting is None, as JSON has no infinity."""
    rule = choice.rule
    return {
        "doubt": rule.doubt,
        "pull": rule.pull,
        "scale_count": rule.scale_count if np.isfinite(rule.scale_count) else None,
        "half_life_s": rule.half_life_s if np.isfinite(rule.half_life_s) else None,
        "strength": choice.strength,
        "validation_uar": choice.uar,
    }


def rule_of(chosen: Mapping[str, Any]) -> BaselineRule:
    """The rule in what `described` gives."""

    def value(name: str) -> float:
        return np.inf if chosen[name] is None else float(chosen[name])

    return BaselineRule(
        doubt=value("doubt"),
        pull=value("pull"),
        scale_count=value("scale_count"),
        half_life_s=value("half_life_s"),
    )
