"""Fusion that drops what is missing: the baselines that a recovery has to beat.

`Drop` is trained with modality dropout: in training each sample loses some of its modalities, so
that the fusion learns to do with what is left (Neverova et al. 2016, ModDrop, for the idea).
`DropKD` learns, besides the label, the probabilities that a model of complete data gives to the
whole sample (Hinton et al. 2015), from unlabelled samples too. `Whole` never loses anything in
training; it is the teacher, the upper bound and the frozen classifier of the plug-in case.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from scipy.special import log_softmax, softmax
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ModelError
from ..features import Float32, Modality
from .backbone import Backbone, Tokens, read, tensors_of
from .fitting import Chosen, Plan, fit_epochs, hide
from .interface import FitConfig
from .samples import UNLABELLED, Ints, Samples

SOFTENING: Final = 2.0
WEIGHTS: Final = (0.2, 0.7)


def single_views(batch: Samples) -> list[Samples]:
    """The batch with each modality alone, and whole."""
    return [*(batch.only({name}) for name in batch.names), batch]


def mean_loss(backbone: Backbone, views: Samples) -> float:
    """Mean -log p(label) in nats of labelled samples."""
    scores = log_softmax(read(backbone, views).astype(np.float64), axis=1)
    return float(-scores[np.arange(len(views)), views.labels].mean())


def label_loss(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy of the labelled samples of a batch; 0 where none is labelled."""
    known = labels != UNLABELLED
    if not bool(known.any()):
        return logits.sum() * 0.0
    return functional.cross_entropy(logits[known], labels[known], label_smoothing=smoothing)


def towards(logits: Tensor, target: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergence from (B, C) probabilities at a temperature, times its square."""
    scores = (logits / temperature).log_softmax(dim=1)
    return functional.kl_div(scores, target, reduction="batchmean") * temperature**2


class Drop:
    """Modality-dropout fusion.

    Attributes:
        backbone: the network after `fit`.
        chosen: its epoch.
    """

    hides = True

    def __init__(self) -> None:
        self.chosen = Chosen(0, 0.0)
        self._backbone: Backbone | None = None
        self.config = FitConfig()

    @property
    def backbone(self) -> Backbone:
        """The fitted network.

        Raises:
            ModelError: `fit` was not called.
        """
        if self._backbone is None:
            raise ModelError(f"{type(self).__name__} is not fitted yet")
        return self._backbone

    def fit(self, train: Samples, valid: Samples, config: FitConfig) -> None:
        """See `Recogniser.fit`."""
        self.config = config
        torch.manual_seed(config.seed)
        backbone = Backbone(train.dims, train.bins, config)
        backbone.standardise(train)
        self._backbone = backbone
        plan = Plan(config.epochs, config.batch, config.rate, config.weight_decay, config.seed)
        self.chosen = self._train(train, valid, plan)

    def predict(self, batch: Samples) -> Float32:
        """See `Recogniser.predict`."""
        return np.asarray(softmax(read(self.backbone, batch), axis=1), dtype=np.float32)

    def recover(self, batch: Samples) -> Mapping[Modality, Float32] | None:
        """Nothing is recovered."""
        return None

    def networks(self) -> tuple[nn.Module, ...]:
        """See `Recogniser.networks`."""
        return (self.backbone,)

    def _train(self, train: Samples, valid: Samples, plan: Plan) -> Chosen:
        values, mask = tensors_of(train)
        labels = torch.from_numpy(train.labels)
        generator = torch.Generator().manual_seed(plan.seed)
        views = Samples.joined(single_views(valid)) if self.hides else valid

        def loss_of(rows: Tensor) -> Tensor:
            part: Tokens = {name: v[rows] for name, v in values.items()}
            there: Tokens = {name: k[rows] for name, k in mask.items()}
            if self.hides:
                there = hide(there, self.config.hiding, generator)
            logits = self.backbone(part, there).logits
            return self._loss(logits, labels[rows], rows)

        return fit_epochs(
            self.backbone, self._rows(train), loss_of, lambda: mean_loss(self.backbone, views), plan
        )

    def _rows(self, train: Samples) -> Ints:
        return train.labelled

    def _loss(self, logits: Tensor, labels: Tensor, rows: Tensor) -> Tensor:
        return label_loss(logits, labels, self.config.smoothing)


class Whole(Drop):
    """The same network trained on complete samples only."""

    hides = False


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What models of complete data say of every training sample.

    Attributes:
        target: (N, C) probabilities, softened by the temperature.
        weight: of that part of a loss, [0, 1]; the label has the rest.
        temperature: that softens both sides, > 0.
    """

    target: Tensor
    weight: float = 0.7
    temperature: float = SOFTENING


def teach(train: Samples, *models: Drop) -> Taught:
    """Ask models about the complete training samples; of several, the geometric mean counts.

    Args:
        train: complete; labels are not used.
        models: fitted.
    """
    scores = [log_softmax(read(model.backbone, train), axis=1) for model in models]
    softened = softmax(np.mean(scores, axis=0) / SOFTENING, axis=1)
    return Taught(torch.from_numpy(softened.astype(np.float32)), temperature=SOFTENING)


class DropKD(Drop):
    """Modality-dropout fusion that also learns what models of complete data say of each sample.

    It is trained with a small and with a large weight of their part, and the one with the lower
    loss on validation is kept: with all labels there is less to learn from them than with few.

    Args:
        taught: what they say; None asks them in `fit`.
        weights: to choose from.
    """

    def __init__(self, taught: Taught | None = None, weights: tuple[float, ...] = WEIGHTS) -> None:
        super().__init__()
        self._taught = taught
        self._weights = weights

    @property
    def taught(self) -> Taught:
        """What was learned from, with the weight that was chosen.

        Raises:
            ModelError: `fit` was not called.
        """
        if self._taught is None:
            raise ModelError("DropKD is not fitted yet")
        return self._taught

    def fit(self, train: Samples, valid: Samples, config: FitConfig) -> None:
        """See `Recogniser.fit`."""
        if self._taught is None:
            whole = Whole()
            whole.fit(train, valid, config)
            self._taught = teach(train, whole)
        best: tuple[Chosen, Backbone, Taught] | None = None
        for weight in self._weights:
            self._taught = replace(self._taught, weight=weight)
            super().fit(train, valid, config)
            if best is None or self.chosen.loss < best[0].loss:
                best = self.chosen, self.backbone, self._taught
        if best is None:
            raise ModelError("DropKD has no weights to choose from")
        self.chosen, self._backbone, self._taught = best

    def _rows(self, train: Samples) -> Ints:
        return np.arange(len(train))

    def _loss(self, logits: Tensor, labels: Tensor, rows: Tensor) -> Tensor:
        return taught_loss(logits, labels, rows, (self._taught, self.config.smoothing))


def taught_loss(
    logits: Tensor, labels: Tensor, rows: Tensor, aims: tuple[Taught | None, float]
) -> Tensor:
    """Loss of the labels, of what was taught, or of both.

    Args:
        logits: (B, C).
        labels: (B,), `UNLABELLED` where unknown.
        rows: (B,) training rows of the batch.
        aims: what was taught, or None, and the smoothing of the labels.
    """
    taught, smoothing = aims
    own = label_loss(logits, labels, smoothing)
    if taught is None:
        return own
    rest = towards(logits, taught.target[rows], taught.temperature)
    return (1.0 - taught.weight) * own + taught.weight * rest
