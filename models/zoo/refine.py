"""RoHyDR's unimodal reconstructor: residual channel attention over a generated sequence.

Relation 6: xhat = R(xtilde), R a 1x1 convolution, a group of residual channel-attention blocks
(Zhang et al. 2018, equations 5 to 9) and a 1x1 convolution. Here 3 blocks of 32 channels, in the
released code 20 of 64; and what R adds starts at nothing, so that an untrained R is harmless.
"""

from typing import Final

import torch
from torch import Tensor, nn

CHANNELS: Final = 32
REDUCTION: Final = 8
BLOCKS: Final = 3


class ChannelAttention(nn.Module):
    """Two convolutions, then a weight in (0, 1) for each channel, from its mean over time."""

    def __init__(self) -> None:
        super().__init__()
        self.convolve = nn.Sequential(
            nn.Conv1d(CHANNELS, CHANNELS, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(CHANNELS, CHANNELS, 3, padding=1),
        )
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool1d(1),
            nn.Conv1d(CHANNELS, CHANNELS // REDUCTION, 1),
            nn.ReLU(),
            nn.Conv1d(CHANNELS // REDUCTION, CHANNELS, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, CHANNELS, S) to the same."""
        found = self.convolve(x)
        out: Tensor = x + found * self.weigh(found)
        return out


class Refiner(nn.Module):
    """R of one modality.

    Args:
        width: d of (B, d, S) sequences.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv1d(width, CHANNELS, 1)
        self.blocks = nn.Sequential(*(ChannelAttention() for _ in range(BLOCKS)))
        self.leave = nn.Conv1d(CHANNELS, width, 1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Refine a generated sequence (B, d, S)."""
        entered = self.enter(x)
        out: Tensor = x + self.leave(entered + self.blocks(entered))
        return torch.as_tensor(out)
