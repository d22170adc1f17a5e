"""Fusion that drops what is missing: the baselines that a recovery has to beat.

`Drop` is trained with modality dropout: in training each sample loses some of its modalities, so
that the fusion learns to do with what is left (Neverova et al. 2016, ModDrop, for the idea).
`DropKD` learns, besides the label, the probabilities that a model of complete data gives to the
whole sample (Hinton et al. 2015), from unlabelled samples too. `Whole` never loses anything in
training; it is the teacher, the upper bound and the frozen classifier of the plug-in case.
"""

from collections.abc import Mapping

import numpy as np
import torch
from scipy.special import log_softmax, softmax
from torch import Tensor
from torch.nn import functional

from ..errors import ModelError
from ..features import Float32, Modality
from .backbone import Backbone, Tokens, read, tensors_of
from .fitting import Chosen, Plan, fit_epochs, hide
from .interface import FitConfig
from .samples import UNLABELLED, Samples


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

    def _train(self, train: Samples, valid: Samples, plan: Plan) -> Chosen:
        values, mask = tensors_of(train)
        labels = torch.from_numpy(train.labels)
        generator = torch.Generator().manual_seed(plan.seed)
        views = Samples.joined(single_views(valid)) if self.hides else valid

        def loss_of(rows: Tensor) -> Tensor:
            part: Tokens = {name: v[rows] for name, v in values.items()}
            there: Tokens = {name: k[rows] for name, k in mask.items()}
            if self.hides:
                there = hide(there, self.config.keep_all, generator)
            logits = self.backbone(part, there).logits
            return self._loss(logits, labels[rows], rows)

        return fit_epochs(
            self.backbone, self._rows(train), loss_of, lambda: mean_loss(self.backbone, views), plan
        )

    def _rows(self, train: Samples) -> np.ndarray[tuple[int], np.dtype[np.integer]]:
        return train.labelled

    def _loss(self, logits: Tensor, labels: Tensor, rows: Tensor) -> Tensor:
        return label_loss(logits, labels, self.config.smoothing)


class Whole(Drop):
    """The same network trained on complete samples only."""

    hides = False


class DropKD(Drop):
    """Modality-dropout fusion that also learns what a teacher says of the whole sample.

    Args:
        teacher: fitted; any model that reads complete samples.
        weight: of the teacher's part of the loss, [0, 1].
        temperature: that softens both sides, > 0.
    """

    def __init__(self, teacher: Drop, weight: float = 0.7, temperature: float = 2.0) -> None:
        super().__init__()
        self._teacher = teacher
        self._weight = weight
        self._temperature = temperature
        self._target = torch.zeros(0)

    def _rows(self, train: Samples) -> np.ndarray[tuple[int], np.dtype[np.integer]]:
        softened = read(self._teacher.backbone, train) / self._temperature
        self._target = torch.from_numpy(softmax(softened, axis=1))
        return np.arange(len(train))

    def _loss(self, logits: Tensor, labels: Tensor, rows: Tensor) -> Tensor:
        own = label_loss(logits, labels, self.config.smoothing)
        taught = towards(logits, self._target[rows], self._temperature)
        return (1.0 - self._weight) * own + self._weight * taught
