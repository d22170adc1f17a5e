"""The part of the interface that all parent methods share: one network, read in chunks."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..features import Float32, Modality
from .drop import single_views
from .fitting import Chosen, Plan
from .interface import FitConfig
from .samples import Samples
from .standard import chunks, joined_by_modality

Net = TypeVar("Net", bound=nn.Module)


class Parent(ABC, Generic[Net]):
    """A method whose fitted state is one network.

    Attributes:
        config: of the last `fit`.
        chosen: the epoch that its last stage kept.
    """

    def __init__(self) -> None:
        self.config = FitConfig()
        self.chosen = Chosen(0, 0.0)
        self._net: Net | None = None

    @property
    def net(self) -> Net:
        """The fitted network.

        Raises:
            ModelError: `fit` was not called.
        """
        if self._net is None:
            raise ModelError(f"{type(self).__name__} is not fitted yet")
        return self._net

    def networks(self) -> tuple[nn.Module, ...]:
        """See `Recogniser.networks`."""
        return (self.net,)

    @abstractmethod
    def fit(self, train: Samples, valid: Samples, config: FitConfig) -> None:
        """See `Recogniser.fit`."""

    @torch.no_grad()
    def predict(self, batch: Samples) -> Float32:
        """See `Recogniser.predict`."""
        self.net.eval()
        read = [self.logits(part).softmax(dim=1).numpy() for part in chunks(batch)]
        return np.asarray(np.concatenate(read), dtype=np.float32)

    @torch.no_grad()
    def recover(self, batch: Samples) -> Mapping[Modality, Float32] | None:
        """See `Recogniser.recover`."""
        self.net.eval()
        return joined_by_modality([self.recovered(part) for part in chunks(batch)])

    @abstractmethod
    def logits(self, batch: Samples) -> Tensor:
        """(N, C) of a batch under its masks."""

    @abstractmethod
    def recovered(self, batch: Samples) -> Mapping[Modality, Float32]:
        """Per modality (N, 1, T, E): what stands for it where it is missing."""

    def valid_loss(self, views: Samples) -> float:
        """Mean -log p(label) in nats."""
        read = torch.cat([self.logits(part) for part in chunks(views)])
        return float(nn.functional.cross_entropy(read, torch.from_numpy(views.labels)))


def views_of(valid: Samples) -> Samples:
    """What epochs are judged by: each modality alone, and everything."""
    return Samples.joined(single_views(valid))


def plan_of(config: FitConfig, epochs: int | None = None) -> Plan:
    """The shared training plan."""
    wanted = config.epochs if epochs is None else epochs
    return Plan(wanted, config.batch, config.rate, config.weight_decay, config.seed)
