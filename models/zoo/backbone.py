"""Encoders of each modality and the fusion over their tokens: the network all methods share.

A method differs only in what stands where a token is missing, and in what it is trained towards.
So all of them use this network, and what one gains over another is due to the method.
"""

from collections.abc import Mapping
from typing import Final, cast

import torch
from torch import Tensor, nn

from ..features import Float32, Modality
from ..fusion import Fusion, FusionConfig, FusionOutput
from .interface import FitConfig
from .samples import Samples

Tokens = dict[Modality, Tensor]

HEADS: Final = 2
LEAST_SCALE: Final = 1e-2
"""Smallest spread of a feature that is still scaled to one."""


class Encoder(nn.Module):
    """Standardised features of one modality to a token of unit scale."""

    mean: Tensor
    scale: Tensor

    def __init__(self, dim: int, config: FitConfig) -> None:
        super().__init__()
        self.noise = config.input_noise
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(dim))
        self.layers = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(dim, config.hidden),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.token),
            nn.LayerNorm(config.token, elementwise_affine=False),
        )

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(B, T, D) features to (B, T, E) tokens, exactly 0 where the mask is False."""
        there = mask.unsqueeze(-1)
        z = (torch.where(there, values, self.mean) - self.mean) * self.scale
        if self.training and self.noise > 0.0:
            z = z + self.noise * torch.randn_like(z)
        return torch.where(there, self.layers(z), 0.0)


class Backbone(nn.Module):
    """One encoder per modality and a fusion of their tokens.

    Args:
        dims: feature length of each modality.
        bins: T.
        config: settings.
    """

    def __init__(self, dims: Mapping[Modality, int], bins: int, config: FitConfig) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict({name: Encoder(dim, config) for name, dim in dims.items()})
        self.fusion = Fusion(
            FusionConfig(
                dims=dict.fromkeys(dims, config.token),
                bins=bins,
                width=config.width,
                layers=config.layers,
                heads=HEADS,
                dropout=config.dropout,
                classes=config.classes,
            )
        )

    @property
    def names(self) -> tuple[Modality, ...]:
        """Modalities that take part."""
        return self.fusion.names

    @torch.no_grad()
    def standardise(self, batch: Samples) -> None:
        """Take the features' mean and spread from measured rows, in place."""
        for name in self.names:
            encoder = self._encoder(name)
            values = torch.from_numpy(batch.values[name][batch.mask[name]])
            encoder.mean.copy_(values.mean(dim=0))
            encoder.scale.copy_(1.0 / values.std(dim=0).clamp(min=LEAST_SCALE))

    def tokens(self, values: Mapping[Modality, Tensor], mask: Mapping[Modality, Tensor]) -> Tokens:
        """Encode (B, T, D) features of every modality into (B, T, E) tokens."""
        return {name: self._encoder(name)(values[name], mask[name]) for name in self.names}

    def forward(
        self, values: Mapping[Modality, Tensor], mask: Mapping[Modality, Tensor]
    ) -> FusionOutput:
        """Read features, of which those that the mask hides are dropped."""
        return self.fusion.read(self.tokens(values, mask), mask)

    def _encoder(self, name: Modality) -> Encoder:
        return cast("Encoder", self.encoders[name])


def tensors_of(batch: Samples) -> tuple[Tokens, Tokens]:
    """Values and masks of a batch as tensors."""
    values = {name: torch.from_numpy(batch.values[name]) for name in batch.names}
    mask = {name: torch.from_numpy(batch.mask[name]) for name in batch.names}
    return values, mask


@torch.inference_mode()
def encode(backbone: Backbone, batch: Samples) -> Tokens:
    """Tokens of a batch, in evaluation mode."""
    backbone.eval()
    return backbone.tokens(*tensors_of(batch))


@torch.inference_mode()
def read(backbone: Backbone, batch: Samples) -> Float32:
    """Logits (N, C) of a batch under its masks, in evaluation mode."""
    backbone.eval()
    logits: Float32 = backbone(*tensors_of(batch)).logits.numpy()
    return logits
