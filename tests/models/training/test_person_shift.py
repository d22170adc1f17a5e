from dataclasses import replace

import numpy as np
import pytest

from tacit.models.baseline import BaselineRule, Population
from tacit.models.errors import DatasetError
from tacit.models.training.banks import ClassIndex, WindowBank
from tacit.models.training.person_shift import estimated, shifted_bank

DIM = 4
RULE = BaselineRule()


def population(dim: int = DIM) -> Population:
    one = np.ones(dim)
    return Population(0 * one, 9.0 * one, one, 0 * one, one, one)


def bank(windows: int = 210) -> WindowBank:
    """Three people who differ in the first number, every class equally often."""
    rng = np.random.default_rng(1)
    labels = np.arange(windows) % 7
    people = np.arange(windows) // (windows // 3)
    tokens = rng.normal(0.0, 1.0, (windows, 12, DIM)).astype(np.float32)
    tokens[:, :, 0] += (np.array([-6.0, 0.0, 6.0])[people])[:, None]
    mask = rng.random((windows, 12)) < 0.8
    mask[:, 0] = True
    tokens[~mask] = 0.0
    return WindowBank(tokens, mask, ClassIndex(labels, "audio"), labels, people)


def spread_of_people(some: WindowBank) -> float:
    means = [
        some.tokens[some.people == p][some.mask[some.people == p]][:, 0].mean() for p in range(3)
    ]
    return float(np.std(means))


def test_people_look_more_alike_and_nothing_else_changes() -> None:
    before = bank()
    after = shifted_bank(before, population(), RULE, np.random.default_rng(0))
    assert spread_of_people(after) < 0.5 * spread_of_people(before)
    assert (after.tokens[~before.mask] == 0.0).all()
    assert after.people is before.people
    assert before.tokens[0, 0, 0] == bank().tokens[0, 0, 0]


def test_a_window_of_an_unknown_person_stays() -> None:
    before = bank()
    after = shifted_bank(before, population(), RULE, np.random.default_rng(0))
    same = (after.tokens == before.tokens).all(axis=(1, 2))
    assert 0.1 < same.mean() < 0.35


def test_a_window_is_never_moved_by_itself() -> None:
    """A person of one window is not known, so nothing may be moved."""
    lonely = replace(bank(), people=np.arange(210))
    after = shifted_bank(lonely, population(), RULE, np.random.default_rng(0))
    np.testing.assert_array_equal(after.tokens, lonely.tokens)


def test_the_estimate_is_zero_without_windows() -> None:
    assert (estimated(np.zeros((0, DIM), np.float32), population(), RULE) == 0.0).all()


def test_another_space_is_refused() -> None:
    with pytest.raises(DatasetError, match="population of 5 dimensions for 4"):
        shifted_bank(bank(), population(5), RULE, np.random.default_rng(0))
