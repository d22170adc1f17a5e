"""The one interface of all models of incomplete multimodal recognition.

A model is fitted to training samples of which some may be unlabelled, chooses its epochs and all
else that it chooses on validation samples, and then reads samples under any mask.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import nn

from ..features import Float32, Modality
from .samples import Samples


@dataclass(frozen=True, slots=True)
class FitConfig:
    """Settings shared by all models.

    Attributes:
        classes: C.
        seed: of everything random in training and sampling.
        token: length of a modality's inner token.
        hidden: inner width of the encoders.
        width: of the fusion.
        layers: attention blocks of the fusion.
        dropout: in training only.
        input_noise: standard deviation added to standardised features in training.
        epochs: passes over the training rows.
        tune_epochs: further passes of every model that is tuned after its base.
        batch: samples per step.
        rate: peak learning rate of AdamW.
        tune_rate: the same while tuning.
        weight_decay: of AdamW.
        smoothing: of the labels.
        keep_all: share of training samples with no modality hidden; the rest lose some.
        keep_one: of those that lose some, the share that keeps just one modality.
    """

    classes: int = 7
    seed: int = 0
    token: int = 32
    hidden: int = 96
    width: int = 48
    layers: int = 1
    dropout: float = 0.3
    input_noise: float = 0.2
    epochs: int = 30
    tune_epochs: int = 8
    batch: int = 128
    rate: float = 4e-3
    tune_rate: float = 2e-3
    weight_decay: float = 0.02
    smoothing: float = 0.05
    keep_all: float = 0.4
    keep_one: float = 0.0

    @property
    def hiding(self) -> tuple[float, float]:
        """`keep_all` and `keep_one`, as `fitting.hide` takes them."""
        return self.keep_all, self.keep_one


class Recogniser(Protocol):
    """What every model offers."""

    def fit(self, train: Samples, valid: Samples, config: FitConfig) -> None:
        """Train; epochs and everything else are chosen on `valid` alone.

        Args:
            train: complete samples, of which some may be unlabelled.
            valid: complete labelled samples of other groups.
            config: settings.
        """

    def predict(self, batch: Samples) -> Float32:
        """Probabilities (N, C) under the batch's masks; no sample depends on another."""

    def recover(self, batch: Samples) -> Mapping[Modality, Float32] | None:
        """Stand-ins (N, K, T, E) for the tokens that the batch's masks hide.

        Returns:
            per modality K samples in the model's own token space, or None of a model that drops.
        """

    def networks(self) -> tuple[nn.Module, ...]:
        """All networks that a reading uses; their parameters are counted."""
