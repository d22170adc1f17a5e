"""Reads a fitted model under each set of modalities, calibrates it on validation, and counts.

Random missing needs no further reading: what a model says of a sample depends on the sample and on
what is left of it, not on how often others lose something. So every method is read once per set of
modalities, and each condition picks from those readings by its masks.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..calibration import fit_temperature, negative_log_likelihood, pattern_name
from ..features import Float32, Modality
from ..metrics import (
    accuracy,
    expected_calibration_error,
    macro_f1,
    unweighted_average_recall,
)
from ..zoo.samples import Ints, Samples

Predict = Callable[[Samples], Float32]
Floats = NDArray[np.floating[Any]]

LEAST: Final = 1e-6
EMPTY: Final = "none"


def patterns(names: tuple[Modality, ...]) -> dict[str, tuple[Modality, ...]]:
    """All sets of modalities with something in them, by name."""
    found = {}
    for bits in range(1, 2 ** len(names)):
        kept = tuple(name for place, name in enumerate(names) if bits >> place & 1)
        found[pattern_name(kept)] = kept
    return found


def read_patterns(predict: Predict, batch: Samples) -> dict[str, Float32]:
    """Probabilities (N, C) of a batch under each set of modalities."""
    return {name: predict(batch.only(kept)) for name, kept in patterns(batch.names).items()}


def scores(probabilities: Floats) -> Floats:
    """Logarithms (N, C) that a temperature can divide."""
    logarithms: Floats = np.log(np.maximum(probabilities, LEAST))
    return logarithms


def temperatures(readings: Mapping[str, Float32], labels: Ints) -> dict[str, float]:
    """Temperature of each set of modalities, fitted to validation samples."""
    return {name: round(fit_temperature(scores(p), labels), 4) for name, p in readings.items()}


def calibrated(probabilities: Float32, temperature: float) -> Float32:
    """Probabilities (N, C) at a temperature."""
    z = scores(probabilities) / temperature
    raised = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)


def class_prior(labels: Ints, classes: int) -> Float32:
    """Class frequencies (C,) of known labels: the answer where nothing is measured."""
    counts = np.bincount(labels[labels >= 0], minlength=classes) + 1.0
    return np.asarray(counts / counts.sum(), dtype=np.float32)


def figures(probabilities: Float32, labels: Ints) -> dict[str, float]:
    """UAR, accuracy, macro-F1, calibration error and -log p(label), rounded."""
    predicted = probabilities.argmax(axis=1)
    found = {
        "uar": unweighted_average_recall(labels, predicted),
        "accuracy": accuracy(labels, predicted),
        "macro_f1": macro_f1(labels, predicted),
        "ece": expected_calibration_error(probabilities, labels),
        "nll": negative_log_likelihood(scores(probabilities), labels),
        "confidence": float(probabilities.max(axis=1).mean()),
    }
    return {name: round(value, 5) for name, value in found.items()}
