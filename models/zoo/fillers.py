"""Ways to put something where a token is missing, all behind one interface.

The simple ones come from `recovery.fills`; the learned ones are trained on complete samples, with
or without labels, and a filler's best epoch is the one with the least loss on validation tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..features import Modality
from ..recovery.condition import Condition
from ..recovery.fills import (
    MlpRegressor,
    from_donors,
    mean_fill,
    mlp_loss,
    nearest_donor,
    zero_fill,
)
from ..recovery.network import RecoveryConfig
from .backbone import Tokens
from .fitting import Plan, fit_epochs, hide
from .interface import FitConfig

Rows = Sequence[int] | None
"""A seed for each window, or None."""


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Tokens of complete samples.

    Attributes:
        tokens: per modality (N, T, E) float32.
    """

    tokens: Tokens

    def __len__(self) -> int:
        return len(next(iter(self.tokens.values())))

    def rows(self, index: Tensor) -> Tokens:
        """Tokens of the chosen samples."""
        return {name: t[index] for name, t in self.tokens.items()}

    def measured(self) -> Tokens:
        """All tokens (N * T, E) of each modality."""
        return {name: t.flatten(0, 1) for name, t in self.tokens.items()}


class Filler(Protocol):
    """Puts tokens where they are wanted."""

    def fit(self, train: Bank, valid: Bank, config: FitConfig) -> None:
        """Learn from complete samples; labels are not seen."""

    def fill(
        self, condition: Condition, samples: int, seed: int, rows: Rows = None
    ) -> Mapping[Modality, Tensor]:
        """Fill a batch.

        Args:
            condition: B windows.
            samples: K; a filler that does not draw gives one.
            seed: of what is drawn.
            rows: a further seed for each window, so that what is drawn for one does not depend on
                its neighbours; None draws by the place in the batch, as training does.

        Returns:
            per modality (B, K, T, E), measured tokens as they came.
        """

    def networks(self) -> tuple[nn.Module, ...]:
        """What it fills with; nothing for a filler without a network."""


class Simple:
    """A filler without a network."""

    def networks(self) -> tuple[nn.Module, ...]:
        """See `Filler.networks`."""
        return ()


def condition_of(tokens: Tokens, kept: Tokens) -> Condition:
    """Windows whose hidden tokens are wanted: `kept` (B, T) bool says what is measured."""
    return Condition.of(tokens, kept, {name: ~mask for name, mask in kept.items()})


def hidden_views(bank: Bank) -> list[tuple[Condition, Tokens]]:
    """For each modality, all samples with it hidden, and the truth."""
    found = []
    for lost in bank.tokens:
        kept = {name: torch.full(t.shape[:2], name != lost) for name, t in bank.tokens.items()}
        found.append((condition_of(bank.tokens, kept), bank.tokens))
    return found


class ZeroFiller(Simple):
    """Zeros."""

    def fit(self, train: Bank, valid: Bank, config: FitConfig) -> None:
        """Nothing to learn."""

    def fill(
        self, condition: Condition, samples: int, seed: int, rows: Rows = None
    ) -> Mapping[Modality, Tensor]:
        """See `Filler.fill`."""
        return zero_fill(condition)


class MeanFiller(Simple):
    """The mean of each bin over the training samples."""

    def __init__(self) -> None:
        self._means: Tokens = {}

    def fit(self, train: Bank, valid: Bank, config: FitConfig) -> None:
        """Take the means."""
        self._means = {name: t.mean(dim=0) for name, t in train.tokens.items()}

    def fill(
        self, condition: Condition, samples: int, seed: int, rows: Rows = None
    ) -> Mapping[Modality, Tensor]:
        """See `Filler.fill`."""
        return mean_fill(condition, self._means)


class NearestDonor(Simple):
    """The tokens of the training sample that is nearest in what is measured."""

    def __init__(self) -> None:
        self._donors: Tokens = {}

    def fit(self, train: Bank, valid: Bank, config: FitConfig) -> None:
        """Keep the training samples."""
        self._donors = train.tokens

    def fill(
        self, condition: Condition, samples: int, seed: int, rows: Rows = None
    ) -> Mapping[Modality, Tensor]:
        """See `Filler.fill`."""
        return from_donors(condition, self._donors, nearest_donor(condition, self._donors))


class RandomDonor(Simple):
    """The tokens of a training sample drawn by chance: the right distribution, no knowledge."""

    def __init__(self) -> None:
        self._donors: Tokens = {}

    def fit(self, train: Bank, valid: Bank, config: FitConfig) -> None:
        """Keep the training samples."""
        self._donors = train.tokens

    def fill(
        self, condition: Condition, samples: int, seed: int, rows: Rows = None
    ) -> Mapping[Modality, Tensor]:
        """See `Filler.fill`; one sample."""
        count = len(next(iter(self._donors.values())))
        if rows is None:
            generator = torch.Generator().manual_seed(seed)
            chosen = torch.randint(count, (condition.batch,), generator=generator)
        else:
            drawn = [np.random.default_rng([seed, row]).integers(count) for row in rows]
            chosen = torch.tensor(drawn, dtype=torch.int64)
        return from_donors(condition, self._donors, chosen)


class Regression:
    """The mean of what is lost given what is measured, by a multilayer perceptron."""

    def __init__(self, epochs: int = 40) -> None:
        self._epochs = epochs
        self._net: MlpRegressor | None = None

    def fit(self, train: Bank, valid: Bank, config: FitConfig) -> None:
        """Minimise the squared error on samples with a modality hidden."""
        torch.manual_seed(config.seed)
        net = MlpRegressor(recovery_shape(train, 1), hidden=config.hidden)
        generator = torch.Generator().manual_seed(config.seed)
        held = hidden_views(valid)

        def loss_of(rows: Tensor) -> Tensor:
            tokens = train.rows(rows)
            kept = hide(everything(tokens), 0.0, generator)
            return mlp_loss(net, condition_of(tokens, kept), tokens)

        @torch.no_grad()
        def valid_loss() -> float:
            return float(np.mean([float(mlp_loss(net, c, truth)) for c, truth in held]))

        plan = Plan(self._epochs, config.batch, config.rate, config.weight_decay, config.seed)
        fit_epochs(net, np.arange(len(train)), loss_of, valid_loss, plan)
        self._net = net

    @torch.no_grad()
    def fill(
        self, condition: Condition, samples: int, seed: int, rows: Rows = None
    ) -> Mapping[Modality, Tensor]:
        """See `Filler.fill`."""
        filled: Mapping[Modality, Tensor] = self._fitted(condition)
        return filled

    def centred(self, condition: Condition) -> Condition:
        """The same windows with the mean as the centre of what is generated."""
        return self._fitted.centred(condition)

    @property
    def _fitted(self) -> MlpRegressor:
        if self._net is None:
            raise ModelError("Regression is not fitted yet")
        return self._net

    def networks(self) -> tuple[nn.Module, ...]:
        """See `Filler.networks`."""
        return () if self._net is None else (self._net,)


def everything(tokens: Tokens) -> Tokens:
    """Masks (B, T) that keep all tokens."""
    return {name: torch.ones(t.shape[:2], dtype=torch.bool) for name, t in tokens.items()}


def recovery_shape(bank: Bank, layers: int) -> RecoveryConfig:
    """Shape of a recovery network for a bank's tokens: no past, small."""
    dims: dict[Modality, int] = {name: t.shape[2] for name, t in bank.tokens.items()}
    bins = next(iter(bank.tokens.values())).shape[1]
    return RecoveryConfig(
        dims=dims,
        bins=bins,
        past=0,
        latent=16,
        width=48,
        context_layers=0,
        decoder_layers=layers,
        heads=2,
    )
