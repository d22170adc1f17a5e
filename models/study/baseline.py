"""What a causal per-person baseline keeps of the gain that all of a person's clips would give.

For every set of features and kind of normalisation a classifier is trained on some people's
meetings, its settings are chosen on the meetings of others, and it is judged on a third group.
Training sees what a person's clips look like under the same kind of normalisation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from ..baseline import BaselineRule, Floats, Ints, Population, fit_population
from ..datasets.ravdess_pairs import FOLDS
from ..labels import EMOTIONS
from ..metrics import unweighted_average_recall
from .baseline_data import Kind, Meeting, Order, People, View, meetings, seen
from .statistics import Tally, draws, interval, recall_curve, stack, tally

OFFICIAL_VALID: Final = (15, 16)
OFFICIAL_TEST: Final = (17, 18, 19, 20)
TRAIN_REPEATS: Final = 3
JUDGED_REPEATS: Final = 8
HEARD: Final = ((0, 4), (5, 9), (10, 19), (20, 39), (40, 99))
"""Stretches of a meeting: how many clips were heard before."""

Progress = Callable[[str], None]


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
        classifier: "logistic" or "svm".
        strength: its C; larger fits closer.
        uar: on the validation people.
    """

    rule: BaselineRule
    classifier: str
    strength: float
    uar: float


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
        return tuple(BaselineRule(doubt=d) for d in (0.3, 1.0, 3.0))
    lasting = tuple(
        BaselineRule(pull=p, scale_count=c) for p in (0.3, 1.0) for c in (10.0, 30.0, np.inf)
    )
    return (*lasting, BaselineRule(half_life_s=90.0))


def classifiers() -> tuple[tuple[str, float], ...]:
    """Name and strength of what validation chooses among."""
    return (*(("logistic", c) for c in (0.01, 0.03, 0.1, 0.3)), ("svm", 1.0), ("svm", 10.0))


def make_classifier(name: str, strength: float) -> Pipeline:
    """A standardised classifier that weighs the classes equally."""
    if name == "svm":
        return make_pipeline(StandardScaler(), SVC(C=strength, class_weight="balanced"))
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

    def score(rule: BaselineRule, name: str, strength: float) -> Choice:
        view = View(variant.kind, rule, variant.calibration)
        model = make_classifier(name, strength).fit(*gather(data, train, view, population))
        values, labels = gather(data, valid, view, population)
        uar = unweighted_average_recall(labels, model.predict(values))
        return Choice(rule, name, strength, uar)

    first = max((score(r, "logistic", 0.03) for r in rules(variant.kind)), key=lambda c: c.uar)
    found = (score(first.rule, *each) for each in classifiers())
    return max(found, key=lambda c: c.uar)


def judge(
    data: People, parts: Parts, variant: Variant, choice: Choice, seed: int
) -> dict[str, list[Tally]]:
    """Train on training and validation people, read the test people.

    Returns:
        per stretch of the meeting, "all" among them, one tally per repeat.
    """
    rng = np.random.default_rng([seed, 2])
    people = np.sort(np.concatenate([parts.train, parts.valid]))
    population = population_of(data, people)
    view = View(variant.kind, choice.rule, variant.calibration)
    train = meetings(data, people, TRAIN_REPEATS, rng)
    model = make_classifier(choice.classifier, choice.strength)
    model.fit(*gather(data, train, view, population))
    rng = np.random.default_rng([seed, 3])  # the same meetings for every kind
    met = meetings(data, parts.test, JUDGED_REPEATS, rng, variant.order)
    counted: dict[str, list[Tally]] = {name: [] for name in ("all", *map(stretch_name, HEARD))}
    for repeat in range(JUDGED_REPEATS):
        some = met[repeat * len(parts.test) : (repeat + 1) * len(parts.test)]
        values, labels = gather(data, some, view, population)
        said = np.eye(len(EMOTIONS))[model.predict(values)]
        place = np.concatenate([np.arange(len(m.clips)) for m in some])
        owner = np.repeat(np.arange(len(some)), [len(m.clips) for m in some])
        counted["all"].append(tally(said, labels, owner, len(EMOTIONS)))
        for low, high in HEARD:
            rows = (place >= low) & (place <= high)
            counted[stretch_name((low, high))].append(
                tally(said[rows], labels[rows], owner[rows], len(EMOTIONS))
            )
    return counted


def stretch_name(stretch: tuple[int, int]) -> str:
    """Such as "5-9" or "40+"."""
    low, high = stretch
    return f"{low}+" if stretch == HEARD[-1] else f"{low}-{high}"


def beside(parts: list[Tally]) -> Tally:
    """Tallies of disjoint people with the same repetitions, as one."""
    return Tally(
        np.concatenate([t.hits for t in parts], axis=1),
        np.concatenate([t.support for t in parts], axis=1),
        np.concatenate([t.surprise for t in parts], axis=1),
    )


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


def run(data: People, splits: Sequence[Parts], seed: int, progress: Progress) -> dict[str, Any]:
    """Try every variant on every split; the splits' test people are pooled.

    Returns:
        `figures` and, per variant, what validation chose in each split.
    """
    pooled: dict[str, dict[str, Tally]] = {}
    chosen: dict[str, list[dict[str, Any]]] = {}
    for name, variant in VARIANTS.items():
        per_split = []
        chosen[name] = []
        for place, parts in enumerate(splits):
            choice = choose(data, parts, variant, seed + place)
            counted = judge(data, parts, variant, choice, seed + place)
            per_split.append({key: stack(tallies) for key, tallies in counted.items()})
            chosen[name].append(described(choice))
        pooled[name] = {key: beside([s[key] for s in per_split]) for key in per_split[0]}
        progress(f"{name}: {len(splits)} splits read")
    return {"figures": figures(pooled), "chosen": chosen}


def described(choice: Choice) -> dict[str, Any]:
    """A choice as plain values; an infinite setting is None, as JSON has no infinity."""
    rule = choice.rule
    return {
        "doubt": rule.doubt,
        "pull": rule.pull,
        "scale_count": rule.scale_count if np.isfinite(rule.scale_count) else None,
        "half_life_s": rule.half_life_s if np.isfinite(rule.half_life_s) else None,
        "classifier": choice.classifier,
        "strength": choice.strength,
        "validation_uar": choice.uar,
    }
