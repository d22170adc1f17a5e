"""Which modalities each sample keeps: fixed subsets and random missing at an exact rate.

The missing rate is the share of modality slots that are empty, over all samples. Up to the rate
that leaves each sample one modality, no sample loses all. Two modalities reach .5 so; beyond it
some samples must lose both, and they are answered by the class prior of the training labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..calibration import pattern_name
from ..errors import ModelError
from ..features import Bool, Modality

RATES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
TOLERANCE: Final = 0.005
"""How far the realised rate may lie from the nominal one."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One setting of the protocol.

    Attributes:
        name: such as "audio", "audio+face" or "random .3".
        fixed: modalities that all samples keep, or None for random missing.
        rate: of random missing.
    """

    name: str
    fixed: tuple[Modality, ...] | None = None
    rate: float = 0.0


def conditions(names: Sequence[Modality]) -> tuple[Condition, ...]:
    """All fixed subsets with something in them, then the random rates."""
    fixed = []
    for bits in range(1, 2 ** len(names)):
        kept = tuple(name for place, name in enumerate(names) if bits >> place & 1)
        fixed.append(Condition(pattern_name(kept), kept))
    return (*fixed, *(Condition(f"random {rate:.1f}", None, rate) for rate in RATES))


def keep_mask(names: Sequence[Modality], samples: int, rate: float, seed: int) -> Bool:
    """Random missing at an exact rate.

    Slots are emptied one per sample first, each sample at most once, then a second one, and so on,
    so that nothing is lost whole before it must be. Which samples and which modalities is uniform.

    Args:
        names: M modalities.
        samples: N.
        rate: share of the N x M slots to empty, [0, 1).
        seed: the same seed gives the same masks.

    Returns:
        (N, M) bool, True where kept.

    Raises:
        ModelError: the rate cannot be met within `TOLERANCE`.
    """
    slots = samples * len(names)
    wanted = round(rate * slots)
    if abs(wanted / slots - rate) > TOLERANCE:
        raise ModelError(f"missing rate {rate} of {slots} slots: off by more than {TOLERANCE}")
    rng = np.random.default_rng([seed, round(rate * 1000), 77])
    order = rng.permuted(np.tile(np.arange(len(names)), (samples, 1)), axis=1)
    kept = np.ones((samples, len(names)), dtype=np.bool_)
    for turn in range(len(names)):
        taken = min(wanted, samples)
        rows = rng.permutation(samples)[:taken]
        kept[rows, order[rows, turn]] = False
        wanted -= taken
    assert abs((~kept).mean() - rate) <= TOLERANCE
    return kept


def present_of(kept: Bool, names: Sequence[Modality]) -> Mapping[Modality, Bool]:
    """Columns of (N, M) by modality."""
    return {name: kept[:, place] for place, name in enumerate(names)}


def patterns_of(kept: Bool, names: Sequence[Modality]) -> list[str]:
    """Name of what each sample keeps, "none" for nothing."""
    return [
        pattern_name([name for name, there in zip(names, row, strict=True) if there])
        for row in kept
    ]
