"""The latent space in which lost tokens are generated: principal components of each modality.

An encoder's 64 numbers move along few directions. Generating those alone, at unit variance, makes
the flow's noise and its target alike, and the network small.
"""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..features import MODALITIES, Modality

LEAST_SHARE: Final = 0.2
"""A component that spreads less than this share of the first is not stretched to unit variance, or
what hardly matters would weigh as much as what does."""


class TokenSpace(nn.Module):
    """Maps standardised tokens to latents and back, linearly.

    A modality with fewer than `latent` components leaves the rest at zero.

    Args:
        dims: token length of each modality.
        latent: L, numbers per token.
    """

    def __init__(self, dims: Mapping[Modality, int], latent: int) -> None:
        super().__init__()
        self.names = tuple(name for name in MODALITIES if name in dims)
        self.latent = latent
        for name in self.names:
            self.register_buffer(f"{name}_mean", torch.zeros(dims[name]))
            self.register_buffer(f"{name}_basis", torch.zeros(dims[name], latent))
            self.register_buffer(f"{name}_scale", torch.ones(latent))

    @torch.no_grad()
    def fit(self, measured: Mapping[Modality, Tensor]) -> dict[Modality, float]:
        """Find the components of tokens (N, D) per modality, in place.

        Returns:
            per modality the share of variance that the components keep, [0, 1].

        Raises:
            ModelError: fewer than two tokens.
        """
        kept = {}
        for name in self.names:
            values = measured[name].double()
            if len(values) < 2:
                raise ModelError(f"{name}: {len(values)} tokens are too few for its components")
            mean = values.mean(dim=0)
            covariance = torch.cov((values - mean).T).reshape(values.shape[1], -1)
            variance, vectors = torch.linalg.eigh(covariance)
            used = min(self.latent, values.shape[1])
            top = variance.flip(0)[:used].clamp(min=0.0)
            spread = top.sqrt().clamp(min=LEAST_SHARE * float(top[0].sqrt()) + 1e-6)
            self._buffer(name, "mean").copy_(mean)
            self._buffer(name, "basis").zero_()[:, :used] = vectors.flip(1)[:, :used].float()
            self._buffer(name, "scale").fill_(1.0)[:used] = spread.float()
            kept[name] = float(top.sum() / variance.clamp(min=0.0).sum().clamp(min=1e-12))
        return kept

    def encode(self, tokens: Mapping[Modality, Tensor]) -> Tensor:
        """Per modality (B, T, D) as (B, M * T, L)."""
        parts = [
            (tokens[name] - self._buffer(name, "mean"))
            @ self._buffer(name, "basis")
            / self._buffer(name, "scale")
            for name in self.names
        ]
        return torch.cat(parts, dim=1)

    def decode(self, latents: Tensor, bins: int) -> dict[Modality, Tensor]:
        """(..., M * T, L) as per modality (..., T, D)."""
        return {
            name: (part * self._buffer(name, "scale")) @ self._buffer(name, "basis").T
            + self._buffer(name, "mean")
            for name, part in zip(self.names, torch.split(latents, bins, dim=-2), strict=True)
        }

    def active(self) -> Tensor:
        """(M, L) bool: latents that stand for a component."""
        return torch.stack(
            [self._buffer(name, "basis").abs().sum(dim=0) > 0 for name in self.names]
        )

    def _buffer(self, name: Modality, part: str) -> Tensor:
        found = self.get_buffer(f"{name}_{part}")
        assert isinstance(found, Tensor)
        return found
