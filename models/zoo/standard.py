"""What the parent methods share: standardised inputs, presence, noise of a sample, and reading.

The parent methods treat a modality as there or not there in a whole sample. A sample whose modality
has at least one measured frame has it; frames that are not measured are zero after standardising,
which is the mean of the training rows.
"""

import zlib
from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..features import MODALITIES, Float32, Modality
from .backbone import LEAST_SCALE, Tokens, tensors_of
from .samples import Samples

CHUNK: Final = 512
"""Rows read at a time."""


class Standardiser(nn.Module):
    """Features of one modality to zero mean and unit spread; 0 where nothing is measured."""

    mean: Tensor
    scale: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(dim))

    @torch.no_grad()
    def fit(self, measured: Tensor) -> None:
        """Take mean and spread of (N, D) measured rows."""
        self.mean.copy_(measured.mean(dim=0))
        self.scale.copy_(1.0 / measured.std(dim=0).clamp(min=LEAST_SCALE))

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(B, T, D) features and (B, T) bool to (B, T, D)."""
        there = mask.unsqueeze(-1)
        return torch.where(there, (torch.where(there, values, self.mean) - self.mean), 0.0) * (
            self.scale
        )


class Standardisers(nn.Module):
    """One `Standardiser` per modality."""

    def __init__(self, dims: Mapping[Modality, int]) -> None:
        super().__init__()
        self.each = nn.ModuleDict({name: Standardiser(dim) for name, dim in dims.items()})

    def fit(self, train: Samples) -> None:
        """Take the figures from the measured frames of the training rows."""
        for name in train.names:
            standardiser = self.each[name]
            assert isinstance(standardiser, Standardiser)
            standardiser.fit(torch.from_numpy(train.values[name][train.mask[name]]))

    def forward(self, values: Tokens, mask: Tokens) -> Tokens:
        """Standardise all modalities, (B, T, D) each."""
        return {name: self.each[name](values[name], mask[name]) for name in values}

    def of(self, batch: Samples) -> Tokens:
        """Standardise a batch."""
        return dict(self(*tensors_of(batch)))


def presence(batch: Samples) -> Tensor:
    """(N, M) bool: which modalities have anything measured."""
    there = [batch.mask[name].any(axis=1) for name in batch.names]
    return torch.from_numpy(np.stack(there, axis=1))


def at_least_two(samples: Samples, method: str) -> None:
    """Refuse data in which nothing can be recovered from anything else.

    Raises:
        ModelError: fewer than two modalities.
    """
    if len(samples.names) < 2:
        raise ModelError(
            f"{method} recovers one modality from others, but the data have only "
            f"{samples.names[0]}; choose drop or dropkd"
        )


def content_seeds(batch: Samples) -> list[int]:
    """A seed for each sample made of what is measured of it.

    So a sample's noise is neither that of its neighbours nor a matter of its place in the batch.
    """
    seeds = []
    for row in range(len(batch)):
        seed = 0
        for name in batch.names:
            mask = batch.mask[name][row]
            seed = zlib.crc32(mask.tobytes(), seed)
            seed = zlib.crc32(np.ascontiguousarray(batch.values[name][row][mask]).tobytes(), seed)
        seeds.append(seed)
    return seeds


def noise_of(batch: Samples, shape: tuple[int, ...], seed: int) -> Tensor:
    """Standard normal noise (N, *shape) float32, each row from the content of its sample."""
    rows = [
        np.random.default_rng([seed, content]).standard_normal(shape, dtype=np.float32)
        for content in content_seeds(batch)
    ]
    return torch.from_numpy(np.stack(rows)) if rows else torch.empty((0, *shape))


def chunks(batch: Samples) -> list[Samples]:
    """The batch in parts of at most `CHUNK` rows."""
    return [
        batch.rows(np.arange(start, min(start + CHUNK, len(batch))))
        for start in range(0, len(batch), CHUNK)
    ]


def joined_by_modality(parts: list[Mapping[Modality, Float32]]) -> Mapping[Modality, Float32]:
    """Recovered tokens of several chunks, one after another."""
    names = [name for name in MODALITIES if name in parts[0]]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}
