"""Two models whose probabilities are averaged: the control for all that uses two networks."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from torch import nn

from ..features import Float32, Modality
from .interface import FitConfig, Recogniser
from .samples import Samples

OTHER_SEED: Final = 1000


class Averaged:
    """Mean of two models.

    Args:
        first: a model.
        second: another.
    """

    def __init__(self, first: Recogniser, second: Recogniser) -> None:
        self._both = (first, second)

    def fit(self, train: Samples, valid: Samples, config: FitConfig) -> None:
        """Fit both, each with a seed of its own; see `Recogniser.fit`."""
        for turn, model in enumerate(self._both):
            model.fit(train, valid, replace(config, seed=config.seed + turn * OTHER_SEED))

    def predict(self, batch: Samples) -> Float32:
        """See `Recogniser.predict`."""
        both = [model.predict(batch) for model in self._both]
        return np.asarray(np.mean(both, axis=0), dtype=np.float32)

    def recover(self, batch: Samples) -> Mapping[Modality, Float32] | None:
        """What the first recovers; see `Recogniser.recover`."""
        return self._both[0].recover(batch)

    def networks(self) -> tuple[nn.Module, ...]:
        """See `Recogniser.networks`."""
        return (*self._both[0].networks(), *self._both[1].networks())
