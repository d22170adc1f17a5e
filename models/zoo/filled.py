"""A dropping fusion tuned to read filled windows, and the same tuned without filling.

The encoders stay as the base left them; the fusion is tuned for a few epochs on windows whose lost
tokens a filler has put back, so that it learns how far to trust them. `Tuned` gets exactly the same
further epochs without any filling: the control for the tuning itself.
"""

import copy
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ..features import Float32, Modality
from ..fusion import Fusion
from ..recovery.averaging import Sampled, read_samples
from ..recovery.condition import Condition
from .backbone import encode, tensors_of
from .drop import Drop, Taught, single_views, taught_loss
from .fillers import Bank, Filler, Rows, Simple, condition_of, everything
from .fitting import Chosen, Plan, fit_epochs, hide
from .interface import FitConfig
from .samples import Samples
from .standard import content_seeds

LEAST = 1e-6


class Filled:
    """Fusion over measured and filled tokens.

    Args:
        base: fitted dropping model whose encoders are used and whose fusion is tuned from.
        filler: gives the stand-ins.
        samples: K, stand-ins whose readings are averaged.
        tune: False reads with the base's fusion as it is: the plug-in case.
        taught: further target of the tuning.
    """

    train_samples = 4
    valid_samples = 4

    def __init__(
        self,
        base: Drop,
        filler: Filler,
        samples: int = 1,
        tune: bool = True,
        taught: Taught | None = None,
    ) -> None:
        self._base = base
        self._filler = filler
        self._samples = samples
        self._tune = tune
        self._taught = taught
        self.chosen = Chosen(0, 0.0)
        self.fusion: Fusion = base.backbone.fusion
        self.config = FitConfig()

    def fit(self, train: Samples, valid: Samples, config: FitConfig) -> None:
        """See `Recogniser.fit`."""
        self.config = config
        bank, held = (
            Bank(encode(self._base.backbone, train)),
            Bank(encode(self._base.backbone, valid)),
        )
        self._filler.fit(bank, held, config)
        if self._tune:
            self.fusion = copy.deepcopy(self._base.backbone.fusion)
            self.chosen = self._tuned(train, valid, bank)

    def predict(self, batch: Samples) -> Float32:
        """See `Recogniser.predict`."""
        _, sampled = self.reading(batch, self._samples)
        return np.asarray(sampled.probabilities.numpy(), dtype=np.float32)

    def recover(self, batch: Samples) -> Mapping[Modality, Float32] | None:
        """See `Recogniser.recover`; in the token space of the base's encoders."""
        condition = self._condition(batch)
        filled = self._filler.fill(condition, self._samples, self.config.seed, content_seeds(batch))
        return {name: t.numpy() for name, t in filled.items()}

    def loss(self, batch: Samples) -> float:
        """Mean -log p(label) in nats of a labelled batch, with each modality alone and whole."""
        views = Samples.joined(single_views(batch))
        p = self.predict(views)[np.arange(len(views)), views.labels]
        return float(-np.log(np.maximum(p, LEAST)).mean())

    def networks(self) -> tuple[nn.Module, ...]:
        """See `Recogniser.networks`."""
        return (self._base.backbone.encoders, self.fusion, *self._filler.networks())

    @torch.no_grad()
    def reading(self, batch: Samples, samples: int) -> tuple[Condition, Sampled]:
        """What the fusion says to each of K samples of a batch."""
        condition = self._condition(batch)
        if not any(bool(wanted.any()) for wanted in condition.wanted.values()):
            samples = 1  # Nothing is lost: every sample would be the same.
        self.fusion.eval()
        filled = self._filler.fill(condition, samples, self.config.seed, content_seeds(batch))
        return condition, read_samples(self.fusion, filled, condition)

    def _condition(self, batch: Samples) -> Condition:
        tokens = encode(self._base.backbone, batch)
        return condition_of(tokens, tensors_of(batch)[1])

    def _tuned(self, train: Samples, valid: Samples, bank: Bank) -> Chosen:
        config, labels = self.config, torch.from_numpy(train.labels)
        generator = torch.Generator().manual_seed(config.seed + 1)
        views = Samples.joined(single_views(valid))
        truth = torch.from_numpy(views.labels)
        turn = 0

        def loss_of(rows: Tensor) -> Tensor:
            nonlocal turn
            turn += 1
            tokens = bank.rows(rows)
            kept = hide(everything(tokens), config.hiding, generator)
            logits = self._mean_logits(condition_of(tokens, kept), turn)
            return self._loss(logits, labels[rows], rows)

        def valid_loss() -> float:
            _, sampled = self.reading(views, min(self._samples, self.valid_samples))
            p = sampled.probabilities[torch.arange(len(views)), truth]
            return float(-p.clamp(min=LEAST).log().mean())

        rows = train.labelled if self._taught is None else np.arange(len(train))
        plan = Plan(
            config.tune_epochs, config.batch, config.tune_rate, config.weight_decay, config.seed
        )
        return fit_epochs(self.fusion, rows, loss_of, valid_loss, plan)

    def _mean_logits(self, condition: Condition, seed: int) -> Tensor:
        """Logarithm of the probabilities averaged over a few samples, (B, C)."""
        count = min(self._samples, self.train_samples)
        filled = self._filler.fill(condition, count, self.config.seed * 10_007 + seed)
        return read_samples(self.fusion, filled, condition).probabilities.clamp(min=LEAST).log()

    def _loss(self, logits: Tensor, labels: Tensor, rows: Tensor) -> Tensor:
        return taught_loss(logits, labels, rows, (self._taught, self.config.smoothing))


class Nothing(Simple):
    """Fills nothing: what is wanted is left out."""

    def fit(self, train: Bank, valid: Bank, config: FitConfig) -> None:
        """Nothing to learn."""

    def fill(
        self, condition: Condition, samples: int, seed: int, rows: Rows = None
    ) -> Mapping[Modality, Tensor]:
        """The tokens as they are, one sample."""
        return {name: t.unsqueeze(1) for name, t in condition.values.items()}


class Tuned(Filled):
    """The base with the same further epochs as a filled fusion gets, and nothing filled."""

    def __init__(self, base: Drop, taught: Taught | None = None) -> None:
        super().__init__(base, Nothing(), taught=taught)

    def _condition(self, batch: Samples) -> Condition:
        return _without_wanted(super()._condition(batch))

    def _mean_logits(self, condition: Condition, seed: int) -> Tensor:
        return super()._mean_logits(_without_wanted(condition), seed)


def _without_wanted(condition: Condition) -> Condition:
    """The same windows, in which what is lost is left out."""
    nothing = {name: torch.zeros_like(mask) for name, mask in condition.wanted.items()}
    return Condition.of(condition.values, condition.measured, nothing)
