"""Voice windows moved by a baseline of the same person, for a fusion that shall run with one.

At run time anything from nothing to a long session may be known of a person. Training draws how
many of a person's windows are known, none among the possibilities, so that a person without
a baseline is read as well.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from ..baseline import BaselineRule, BaselineState, Population, shift, update
from ..errors import DatasetError
from ..features import Float32
from .banks import WindowBank

KNOWN: Final = (0, 1, 3, 10, 30)
"""How many windows of a person may be known, equally often."""


def shifted_bank(
    bank: WindowBank, population: Population, rule: BaselineRule, rng: np.random.Generator
) -> WindowBank:
    """Move each window by what some other windows of its person say is usual.

    Args:
        bank: windows with the people in them.
        population: how people differ in these tokens.
        rule: of the estimate.
        rng: source of the choices.

    Returns:
        a bank of the same windows; only measured tokens are moved.

    Raises:
        DatasetError: the population is of other tokens.
    """
    if population.dim != bank.dim:
        raise DatasetError(f"a population of {population.dim} dimensions for {bank.dim}")
    weight = bank.mask.sum(axis=1, keepdims=True)
    means = (bank.tokens * bank.mask[:, :, None]).sum(axis=1) / weight
    moved = bank.tokens.copy()
    for person in np.unique(bank.people):
        own = np.flatnonzero(bank.people == person)
        for row in own:
            known = rng.choice(own, int(rng.choice(KNOWN)))
            by = estimated(means[known[known != row]], population, rule)
            moved[row] -= bank.mask[row][:, None] * by
    return replace(bank, tokens=moved)


def estimated(means: Float32, population: Population, rule: BaselineRule) -> Float32:
    """What to subtract from tokens when the window means (K, D) are known, (D,) float32."""
    state = BaselineState.initial(population.dim)
    for mean in means:
        state = update(state, mean.astype(np.float64), 0, rule)
    return shift(state, population, rule).astype(np.float32)
