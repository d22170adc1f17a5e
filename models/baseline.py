"""What is usual for one person: a causal state per modality, and features seen against it.

A face with low brows or a voice with a high pitch reads as an emotion until it is known to be that
person's own. The state learns a person's usual features in two ways: from a *declared* stretch in
which the person is neutral, and from a slow *running* estimate over everything measured. Neither
looks at labels, and neither looks ahead: values are normalised with the state before them.

Both estimates are pulled towards the population as a Gaussian with known variances says (empirical
Bayes, Efron and Morris 1973): a dimension in which people hardly differ is hardly moved, and
a person of whom nothing is known is seen against everybody's mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from .errors import ModelError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NS_PER_S: Final = 1_000_000_000
SCALE_FLOOR: Final = 1e-3
"""Added to every scale, so that a feature which never varies cannot blow up."""
TINY: Final = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """What is known of people in general, all (D,) float64.

    Attributes:
        mean: mean over people of their own means.
        between: variance of people's means.
        within: variance of one person's observations about that person's mean.
        offset: neutral observations less the person's mean, on average.
        offset_spread: variance of that difference over people.
        neutral_within: variance of one person's neutral observations.
    """

    mean: Floats
    between: Floats
    within: Floats
    offset: Floats
    offset_spread: Floats
    neutral_within: Floats

    @property
    def dim(self) -> int:
        """D."""
        return len(self.mean)


@dataclass(frozen=True, slots=True)
class BaselineRule:
    """How a state becomes a baseline.

    Attributes:
        running: whether what was measured since counts; without it the declared stretch is frozen.
        doubt: factor on the variance of a declared stretch; above 1 trusts it less.
        pull: factor on the observations' variance; above 1 stays longer with the prior.
        scale_count: observations that the population's scale is worth; infinite never adapts it.
        half_life_s: event time after which an observation counts half; infinite never forgets.
    """

    running: bool = True
    doubt: float = 1.0
    pull: float = 1.0
    scale_count: float = 30.0
    half_life_s: float = float("inf")

    def __post_init__(self) -> None:
        for name in ("doubt", "pull", "scale_count", "half_life_s"):
            if not getattr(self, name) > 0:
                raise ModelError(f"baseline rule: {name} is {getattr(self, name)}, above 0 wanted")


@dataclass(frozen=True, slots=True, eq=False)
class BaselineState:
    """What was measured of one person in one modality; immutable.

    Attributes:
        count: weight of the observations so far, after forgetting.
        mean: (D,) float64, their weighted mean.
        spread: (D,) float64, weighted sum of squared distances from it.
        t_ns: time of the latest one; None before the first.
        neutral_count: weight of the declared neutral observations.
        neutral_mean: (D,) float64, their mean.
    """

    count: float
    mean: Floats
    spread: Floats
    t_ns: int | None
    neutral_count: float
    neutral_mean: Floats

    @classmethod
    def initial(cls, dim: int) -> Self:
        """Nothing is known of the person."""
        zero = np.zeros(dim)
        return cls(0.0, zero, zero, None, 0.0, zero)


def update(
    state: BaselineState, values: Floats, t_ns: int, rule: BaselineRule, weight: float = 1.0
) -> BaselineState:
    """Take in one observation (West 1979: weighted mean and variance in one pass).

    Args:
        state: before it.
        values: (D,) finite.
        t_ns: its time; one that comes late is taken as simultaneous with the latest.
        rule: how fast the past is forgotten.
        weight: how many observations it is worth, > 0.

    Raises:
        ModelError: wrong shape, a value that is not finite, or a weight that is not positive.
    """
    values = _checked(values, state)
    if not weight > 0:
        raise ModelError(f"baseline: weight is {weight}, above 0 wanted")
    latest = t_ns if state.t_ns is None else max(state.t_ns, t_ns)
    kept = 1.0 if state.t_ns is None else 0.5 ** _half_lives(latest - state.t_ns, rule)
    count = kept * state.count + weight
    step = values - state.mean
    mean = state.mean + step * (weight / count)
    spread = kept * state.spread + weight * step * (values - mean)
    return BaselineState(count, mean, spread, latest, state.neutral_count, state.neutral_mean)


def declare(state: BaselineState, values: Floats, weight: float = 1.0) -> BaselineState:
    """Take in one observation of a stretch that the person says is neutral.

    It is the anchor that the running estimate starts from, and does not count as running itself.

    Args:
        state: before it.
        values: (D,) finite.
        weight: how many observations it is worth, > 0.

    Raises:
        ModelError: wrong shape, a value that is not finite, or a weight that is not positive.
    """
    values = _checked(values, state)
    if not weight > 0:
        raise ModelError(f"baseline: weight is {weight}, above 0 wanted")
    count = state.neutral_count + weight
    mean = state.neutral_mean + (values - state.neutral_mean) * (weight / count)
    return BaselineState(state.count, state.mean, state.spread, state.t_ns, count, mean)


def centre(state: BaselineState, population: Population, rule: BaselineRule) -> Floats:
    """The person's mean as far as it is known, (D,): the posterior mean under `Population`.

    The declared stretch is an observation of mean + offset, with the variance of the offset and of
    the mean of `neutral_count` observations; each running observation has the variance `within`.
    """
    if len(state.mean) != population.dim:
        raise ModelError(f"baseline: state of {len(state.mean)} for {population.dim} dimensions")
    anchor, variance = population.mean, population.between + TINY
    if state.neutral_count > 0:
        noise = population.offset_spread + population.neutral_within / state.neutral_count
        noise = rule.doubt * noise + TINY
        gain = variance / (variance + noise)
        anchor = anchor + gain * (state.neutral_mean - population.offset - anchor)
        variance = variance * noise / (variance + noise)
    if not rule.running or state.count <= 0:
        return anchor
    prior = rule.pull * population.within / variance
    return np.asarray((prior * anchor + state.count * state.mean) / (prior + state.count))


def scale(state: BaselineState, population: Population, rule: BaselineRule) -> Floats:
    """The person's standard deviation as far as it is known, (D,), > 0."""
    variance = population.within
    if rule.running and np.isfinite(rule.scale_count):
        total = rule.scale_count + state.count
        variance = (rule.scale_count * variance + state.spread) / total
    return np.asarray(np.sqrt(variance) + SCALE_FLOOR)


def normalise(
    state: BaselineState, values: Floats, population: Population, rule: BaselineRule
) -> Floats:
    """Values (..., D) as distances from the person's mean, in the person's standard deviations."""
    return (values - centre(state, population, rule)) / scale(state, population, rule)


def shift(state: BaselineState, population: Population, rule: BaselineRule) -> Floats:
    """What to subtract so that this person looks like the average one, (D,).

    It is zero while nothing is known, so a model that takes shifted features reads the features of
    a person without a baseline as they are.
    """
    return centre(state, population, rule) - population.mean


def fit_population(values: Floats, people: Ints, neutral: Bools) -> Population:
    """Measure how people differ, each person counting the same.

    Args:
        values: (N, D) observations.
        people: (N,) whose.
        neutral: (N,) bool, which of them are neutral; each person has at least one.

    Raises:
        ModelError: fewer than two people, or one without a neutral observation.
    """
    names = np.unique(people)
    if len(names) < 2:
        raise ModelError(f"a population of {len(names)}: at least two people wanted")
    own = [values[people == name] for name in names]
    calm = [values[(people == name) & neutral] for name in names]
    if any(len(rows) == 0 for rows in calm):
        raise ModelError("a population wants a neutral observation of every person")
    means = np.stack([rows.mean(axis=0) for rows in own])
    within = np.mean([rows.var(axis=0) for rows in own], axis=0)
    offsets = np.stack([rows.mean(axis=0) for rows in calm]) - means
    # A person's mean of n observations is itself uncertain by within / n.
    blur = np.mean([within / len(rows) for rows in own], axis=0)
    return Population(
        mean=means.mean(axis=0),
        between=np.maximum(means.var(axis=0) - blur, 0.0),
        within=within,
        offset=offsets.mean(axis=0),
        offset_spread=offsets.var(axis=0),
        neutral_within=np.mean([rows.var(axis=0) for rows in calm], axis=0),
    )


def population_to_arrays(population: Population) -> dict[str, Floats]:
    """Fields by name, to be stored."""
    return {f.name: getattr(population, f.name) for f in fields(Population)}


def population_from_arrays(arrays: Mapping[str, Any]) -> Population:
    """Read `population_to_arrays` back.

    Raises:
        ModelError: a field missing, of another length, not finite, or a negative variance.
    """
    values = {f.name: _vector(arrays, f.name) for f in fields(Population)}
    dim = len(values["mean"])
    for name, row in values.items():
        if len(row) != dim:
            raise ModelError(f"population: {name} has {len(row)} values, mean has {dim}")
        if name not in ("mean", "offset") and (row < 0).any():
            raise ModelError(f"population: {name} has a negative variance")
    return Population(**values)


def state_to_dict(state: BaselineState) -> dict[str, Any]:
    """Plain numbers and lists, exact through JSON."""
    return {
        "count": state.count,
        "mean": state.mean.tolist(),
        "spread": state.spread.tolist(),
        "t_ns": state.t_ns,
        "neutral_count": state.neutral_count,
        "neutral_mean": state.neutral_mean.tolist(),
    }


def state_from_dict(raw: Mapping[str, Any]) -> BaselineState:
    """Read `state_to_dict` back.

    Raises:
        ModelError: a field missing, of another length, not finite, or negative where it cannot be.
    """
    rows = {name: _vector(raw, name) for name in ("mean", "spread", "neutral_mean")}
    counts = {name: _vector({name: [raw.get(name)]}, name)[0] for name in COUNTS}
    t_ns = raw.get("t_ns")
    if t_ns is not None and not (isinstance(t_ns, int) and not isinstance(t_ns, bool)):
        raise ModelError(f"baseline: t_ns is {t_ns!r}, whole ns wanted")
    if len({len(row) for row in rows.values()}) != 1:
        raise ModelError("baseline: mean, spread and neutral_mean differ in length")
    if min(counts.values()) < 0 or (rows["spread"] < 0).any():
        raise ModelError("baseline: a count or spread is negative")
    return BaselineState(
        float(counts["count"]),
        rows["mean"],
        rows["spread"],
        t_ns,
        float(counts["neutral_count"]),
        rows["neutral_mean"],
    )


COUNTS: Final = ("count", "neutral_count")


def _vector(raw: Mapping[str, Any], name: str) -> Floats:
    try:
        row = np.asarray(raw[name], dtype=np.float64)
    except (KeyError, TypeError, ValueError) as exc:
        raise ModelError(f"baseline: {name} is missing or not a row of numbers") from exc
    if row.ndim != 1 or not np.isfinite(row).all():
        raise ModelError(f"baseline: {name} is not a row of finite numbers")
    return row


def _checked(values: Floats, state: BaselineState) -> Floats:
    row = np.asarray(values, dtype=np.float64)
    if row.shape != state.mean.shape:
        raise ModelError(f"baseline: values of shape {row.shape}, {state.mean.shape} wanted")
    if not np.isfinite(row).all():
        raise ModelError("baseline: values hold NaN or infinity; leave them out")
    return row


def _half_lives(elapsed_ns: int, rule: BaselineRule) -> float:
    return elapsed_ns / NS_PER_S / rule.half_life_s
