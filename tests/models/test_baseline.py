import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.models.baseline import (
    SCALE_FLOOR,
    BaselineRule,
    BaselineState,
    Floats,
    Population,
    centre,
    declare,
    fit_population,
    normalise,
    population_from_arrays,
    population_to_arrays,
    scale,
    shift,
    state_from_dict,
    state_to_dict,
    update,
)
from tacit.models.errors import ModelError

DIM = 3
S = 1_000_000_000
FOREVER = BaselineRule()
FREE = BaselineRule(pull=1e-12, scale_count=1e-15)
"""A rule under which the population has no say."""


def population(**changes: Any) -> Population:
    values: dict[str, Any] = {
        "mean": np.array([1.0, -2.0, 5.0]),
        "between": np.array([1.0, 4.0, 0.0]),
        "within": np.array([2.0, 1.0, 9.0]),
        "offset": np.array([-0.5, 0.0, 1.0]),
        "offset_spread": np.array([0.1, 0.2, 0.3]),
        "neutral_within": np.array([0.5, 0.5, 0.5]),
    }
    return Population(**(values | changes))


def observations(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal([1e3, -5.0, 0.01], [1.0, 20.0, 1e-3], (count, DIM))


def after(rows: Floats, rule: BaselineRule = FOREVER, step_ns: int = S) -> BaselineState:
    state = BaselineState.initial(DIM)
    for place, row in enumerate(rows):
        state = update(state, row, place * step_ns, rule)
    return state


def test_the_running_estimate_is_the_offline_mean_and_deviation() -> None:
    rows = observations(500)
    state = after(rows)
    assert state.count == 500
    np.testing.assert_allclose(centre(state, population(), FREE)[:2], rows.mean(axis=0)[:2])
    np.testing.assert_allclose(
        scale(state, population(), FREE), rows.std(axis=0) + SCALE_FLOOR, rtol=1e-9
    )


def test_forgetting_is_the_offline_mean_with_exponential_weights() -> None:
    rule = BaselineRule(half_life_s=20.0)
    rows = observations(100)
    weights = 0.5 ** ((99 - np.arange(100)) / 20.0)
    state = after(rows, rule)
    mean = np.average(rows, axis=0, weights=weights)
    assert state.count == pytest.approx(weights.sum())
    np.testing.assert_allclose(state.mean, mean)
    np.testing.assert_allclose(
        state.spread, (weights[:, None] * (rows - mean) ** 2).sum(axis=0), rtol=1e-9
    )


def test_a_weight_counts_as_that_many_equal_observations() -> None:
    rows = observations(4)
    state = twice = BaselineState.initial(DIM)
    for row in rows:
        state = update(state, row, 0, FOREVER, weight=2.0)
        twice = update(update(twice, row, 0, FOREVER), row, 0, FOREVER)
    assert state.count == twice.count
    np.testing.assert_allclose(state.mean, twice.mean)
    np.testing.assert_allclose(state.spread, twice.spread)


def test_a_late_observation_does_not_turn_time_back() -> None:
    rule = BaselineRule(half_life_s=1.0)
    state = update(BaselineState.initial(DIM), np.ones(DIM), 10 * S, rule)
    late = update(state, np.ones(DIM), 2 * S, rule)
    assert late.t_ns == 10 * S
    assert late.count == 2.0


def test_nothing_known_leaves_values_against_the_population() -> None:
    people, state = population(), BaselineState.initial(DIM)
    np.testing.assert_array_equal(shift(state, people, FOREVER), np.zeros(DIM))
    np.testing.assert_allclose(
        normalise(state, people.mean + 1.0, people, FOREVER),
        1.0 / (np.sqrt(people.within) + SCALE_FLOOR),
    )


def test_what_people_hardly_differ_in_is_not_moved() -> None:
    state = after(np.tile([3.0, 3.0, 300.0], (5, 1)))
    moved = shift(state, population(), FOREVER)
    assert moved[0] > 1.0
    assert moved[1] > 3.0
    assert abs(moved[2]) < 1e-6


def test_a_declared_stretch_gives_the_posterior_mean() -> None:
    people = population()
    state = BaselineState.initial(DIM)
    for row in ([2.0, 0.0, 6.0], [3.0, 1.0, 6.0]):
        state = declare(state, np.array(row))
    noise = people.offset_spread + people.neutral_within / 2
    gain = people.between / (people.between + noise)
    seen = np.array([2.5, 0.5, 6.0]) - people.offset
    np.testing.assert_allclose(
        centre(state, people, FOREVER), people.mean + gain * (seen - people.mean), atol=1e-9
    )


def test_a_frozen_baseline_ignores_what_comes_after() -> None:
    state = declare(BaselineState.initial(DIM), np.array([2.0, 0.0, 6.0]))
    later = state
    for row in observations(30):
        later = update(later, row, 0, FOREVER)
    frozen = replace(FOREVER, running=False)
    for measure in (centre, scale):
        np.testing.assert_array_equal(
            measure(state, population(), frozen), measure(later, population(), frozen)
        )
    assert not np.allclose(
        centre(state, population(), FOREVER), centre(later, population(), FOREVER)
    )


def test_more_doubt_and_more_pull_stay_closer_to_the_population() -> None:
    state = declare(BaselineState.initial(DIM), np.array([4.0, 4.0, 4.0]))
    near, far = (shift(state, population(), BaselineRule(doubt=d)) for d in (3.0, 0.3))
    assert (np.abs(near)[:2] < np.abs(far)[:2]).all()
    state = after(np.tile([4.0, 4.0, 4.0], (2, 1)))
    near, far = (shift(state, population(), BaselineRule(pull=p)) for p in (3.0, 0.3))
    assert (np.abs(near)[:2] < np.abs(far)[:2]).all()


def test_an_observation_changes_only_what_comes_after_it() -> None:
    state = after(observations(3))
    before = state_to_dict(state)
    update(state, np.ones(DIM), 9 * S, FOREVER)
    declare(state, np.ones(DIM))
    assert state_to_dict(state) == before


def test_the_population_is_measured_person_by_person() -> None:
    rng = np.random.default_rng(5)
    people = np.repeat(np.arange(200), 20)
    own = rng.normal([0.0, 10.0], [3.0, 0.0], (200, 2))[people]
    neutral = np.tile(np.arange(20) < 8, 200)
    offset = np.array([1.0, -2.0])
    values = own + neutral[:, None] * offset + rng.normal(0.0, [1.0, 2.0], (4000, 2))
    found = fit_population(values, people, neutral)
    np.testing.assert_allclose(found.mean, [0.4, 9.2], atol=0.5)
    np.testing.assert_allclose(found.between, [9.0, 0.0], atol=1.2)
    # The share .4 of neutral observations moves a person's mean by .4 of the offset.
    np.testing.assert_allclose(found.offset, 0.6 * offset, atol=0.1)
    np.testing.assert_allclose(found.neutral_within, [1.0, 4.0], rtol=0.2)


@given(
    st.lists(
        st.tuples(
            st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(0, 10**12), st.booleans()
        ),
        max_size=20,
    )
)
def test_a_state_is_always_finite_and_survives_json(
    steps: list[tuple[float, float, int, bool]],
) -> None:
    rule = BaselineRule(half_life_s=30.0)
    state = BaselineState.initial(2)
    for a, b, t_ns, calm in steps:
        row = np.array([a, b])
        state = declare(state, row) if calm else update(state, row, t_ns, rule)
    assert np.isfinite(state.mean).all()
    assert (state.spread >= 0).all()
    again = state_from_dict(json.loads(json.dumps(state_to_dict(state))))
    assert state_to_dict(again) == state_to_dict(state)


def test_a_population_survives_being_stored() -> None:
    people = population()
    again = population_from_arrays(population_to_arrays(people))
    assert (again.neutral_within == people.neutral_within).all()
    assert again.dim == DIM


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": [1.0, 2.0]}, "differ in length"),
        ({"mean": [1.0, 2.0, float("nan")]}, "mean is not a row of finite numbers"),
        ({"mean": None}, "mean is not a row of finite numbers"),
        ({"mean": "abc"}, "mean is missing or not a row of numbers"),
        ({"count": -1.0}, "negative"),
        ({"count": "many"}, "count is missing or not a row of numbers"),
        ({"spread": [-1.0, 0.0, 0.0]}, "negative"),
        ({"t_ns": 1.5}, "whole ns wanted"),
        ({"t_ns": True}, "whole ns wanted"),
    ],
)
def test_a_damaged_state_is_refused(changes: dict[str, Any], message: str) -> None:
    raw = state_to_dict(after(observations(3))) | changes
    with pytest.raises(ModelError, match=message):
        state_from_dict(raw)


def test_a_state_without_a_field_is_refused() -> None:
    raw = state_to_dict(after(observations(3)))
    del raw["spread"]
    with pytest.raises(ModelError, match="spread is missing"):
        state_from_dict(raw)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"between": np.array([-1.0, 0.0, 0.0])}, "between has a negative variance"),
        ({"within": np.ones(2)}, "within has 2 values, mean has 3"),
    ],
)
def test_a_damaged_population_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        population_from_arrays(population_to_arrays(population()) | changes)


def test_mistakes_are_named() -> None:
    state = BaselineState.initial(DIM)
    with pytest.raises(ModelError, match=r"shape \(2,\), \(3,\) wanted"):
        update(state, np.ones(2), 0, FOREVER)
    with pytest.raises(ModelError, match="NaN or infinity"):
        declare(state, np.array([1.0, np.nan, 1.0]))
    with pytest.raises(ModelError, match="weight is 0"):
        update(state, np.ones(DIM), 0, FOREVER, weight=0.0)
    with pytest.raises(ModelError, match="weight is -1"):
        declare(state, np.ones(DIM), weight=-1.0)
    with pytest.raises(ModelError, match="pull is 0"):
        BaselineRule(pull=0.0)
    with pytest.raises(ModelError, match="state of 2 for 3"):
        centre(BaselineState.initial(2), population(), FOREVER)
    with pytest.raises(ModelError, match="population of 1"):
        fit_population(np.ones((2, 1)), np.zeros(2, np.int64), np.ones(2, np.bool_))
    with pytest.raises(ModelError, match="neutral observation of every person"):
        fit_population(np.ones((2, 1)), np.arange(2), np.array([True, False]))
