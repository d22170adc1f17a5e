"""Temperature calibration per availability pattern, and the threshold below which to abstain.

One temperature for all would be wrong: a reading from the voice alone is over-confident by another
factor than one from three agreeing modalities (Guo et al. 2017, On calibration of modern neural
networks, for the method; one scalar per pattern of present modalities is added here).
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from .errors import ModelError
from .features import MODALITIES, Float32, Modality

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

LOWEST: Final = 0.05
HIGHEST: Final = 20.0


def pattern_name(present: Collection[Modality]) -> str:
    """Name of a set of present modalities, such as "audio+face"; "none" for the empty set."""
    return "+".join(name for name in MODALITIES if name in present) or "none"


PATTERNS: Final[dict[str, tuple[Modality, ...]]] = {
    pattern_name(chosen): chosen
    for size in range(1, len(MODALITIES) + 1)
    for chosen in combinations(MODALITIES, size)
}
"""The seven ways in which something is measured, by name."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Temperatures by pattern name and the abstain threshold.

    Attributes:
        temperatures: for each of `PATTERNS`, > 0; 1 leaves the network's own confidence.
        abstain_below: in [0, 1]; a calibrated confidence under it claims no emotion.
    """

    temperatures: Mapping[str, float]
    abstain_below: float = 0.0

    def __post_init__(self) -> None:
        if set(self.temperatures) != set(PATTERNS):
            raise ModelError(
                f"calibration names the patterns {sorted(self.temperatures)}, "
                f"{sorted(PATTERNS)} wanted"
            )
        for name, value in self.temperatures.items():
            if not (isinstance(value, int | float) and LOWEST <= value <= HIGHEST):
                raise ModelError(
                    f"calibration temperature of {name} is {value!r}, [{LOWEST}, {HIGHEST}] wanted"
                )
        if not (isinstance(self.abstain_below, int | float) and 0.0 <= self.abstain_below <= 1.0):
            raise ModelError(f"abstain_below is {self.abstain_below!r}, [0, 1] wanted")

    def apply(self, logits: Floats, pattern: str) -> Float32:
        """Calibrated probabilities (..., 7) float32 of logits (..., 7) read under `pattern`.

        Raises:
            ModelError: the pattern is none of `PATTERNS`.
        """
        if pattern not in self.temperatures:
            raise ModelError(f"no temperature for the pattern {pattern!r}")
        scaled = np.asarray(logits, dtype=np.float64) / self.temperatures[pattern]
        return np.asarray(softmax(scaled, axis=-1), dtype=np.float32)

    def as_dict(self) -> dict[str, Any]:
        """Fields as JSON values, for a manifest."""
        return {"temperatures": dict(self.temperatures), "abstain_below": self.abstain_below}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Calibration":
        """Build from a manifest's fields.

        Raises:
            ModelError: a field is unknown, missing or out of range.
        """
        try:
            return cls(**fields)
        except TypeError as exc:
            raise ModelError(f"calibration does not fit: {exc}") from exc


def negative_log_likelihood(logits: Floats, labels: Ints, temperature: float = 1.0) -> float:
    """Mean of -log p(label) in nats.

    Args:
        logits: (N, C), N > 0.
        labels: (N,) class indices.
        temperature: divides the logits.
    """
    scores = log_softmax(np.asarray(logits, dtype=np.float64) / temperature, axis=1)
    return float(-scores[np.arange(len(labels)), labels].mean())


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """Temperature that minimises the negative log-likelihood; a convex search in 1 / T.

    Args:
        logits: (N, C), N > 0.
        labels: (N,) class indices.

    Returns:
        a value in [LOWEST, HIGHEST].

    Raises:
        ModelError: no samples.
    """
    if len(labels) == 0:
        raise ModelError("a temperature cannot be fitted to no samples")
    found = minimize_scalar(
        lambda inverse: negative_log_likelihood(logits, labels, 1.0 / inverse),
        bounds=(1.0 / HIGHEST, 1.0 / LOWEST),
        method="bounded",
    )
    return float(1.0 / found.x)


def abstain_threshold(probabilities: Floats, least_coverage: float) -> float:
    """Highest confidence threshold that still answers a given share of the samples.

    Args:
        probabilities: (N, C) calibrated, N > 0.
        least_coverage: share in (0, 1] that must keep an answer.

    Returns:
        threshold in [0, 1], cut down to three decimals.
    """
    confidence = np.sort(np.asarray(probabilities).max(axis=1))
    # rounded, because 100 * 0.9 may come out a hair above 90
    refused = len(confidence) - math.ceil(round(len(confidence) * least_coverage, 6))
    return float(np.floor(confidence[refused] * 1000.0) / 1000.0)
