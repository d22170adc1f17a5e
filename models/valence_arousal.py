"""Valence and arousal derived from the class probabilities.

No data set here labels valence and arousal for voices or faces, so they are not predicted by a
model of their own: they are the expectation of one fixed point per class under the calibrated
probabilities. They add no information to the probabilities; they are another view of them.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import ModelError
from .labels import EMOTIONS, Emotion

NORMS: Final[dict[Emotion, tuple[float, float]]] = {
    "neutral": (5.50, 3.45),
    "happiness": (8.48, 6.50),
    "sadness": (2.40, 2.81),
    "anger": (2.50, 5.93),
    "fear": (2.93, 6.14),
    "disgust": (3.32, 5.00),
    "surprise": (7.44, 6.57),
}
"""Mean (valence, arousal) that raters gave the class words, 1 to 9.

From Warriner, Kuperman and Brysbaert (2013), Norms of valence, arousal, and dominance for 13,915
English lemmas, Behavior Research Methods 45, columns V.Mean.Sum and A.Mean.Sum. Readers rated the
*words*, so "surprise" is pleasant here, which a surprised face need not be.
"""

SCALE_MIDPOINT: Final = 5.0
SCALE_HALF_WIDTH: Final = 4.0


class Coordinates(NamedTuple):
    """A point on the two axes.

    Attributes:
        valence: unpleasant -1 to pleasant 1.
        arousal: calm -1 to excited 1.
    """

    valence: float
    arousal: float


def rescale(rating: float) -> float:
    """Map a rating of 1 to 9 onto [-1, 1]."""
    return (rating - SCALE_MIDPOINT) / SCALE_HALF_WIDTH


POINTS: Final[NDArray[np.float64]] = np.array(
    [[rescale(rating) for rating in NORMS[name]] for name in EMOTIONS]
)
"""(7, 2) valence and arousal of each class in [-1, 1], in the order of `labels.EMOTIONS`."""


def derive(probabilities: NDArray[np.floating[Any]]) -> Coordinates:
    """Expected coordinates under class probabilities.

    Args:
        probabilities: (7,) summing to 1, in the order of `labels.EMOTIONS`.

    Returns:
        the point; each axis lies within the span of the classes' own points.

    Raises:
        ModelError: another shape.
    """
    if probabilities.shape != (len(EMOTIONS),):
        raise ModelError(
            f"probabilities have shape {probabilities.shape}, ({len(EMOTIONS)},) wanted"
        )
    valence, arousal = np.asarray(probabilities, dtype=np.float64) @ POINTS
    return Coordinates(float(valence), float(arousal))
