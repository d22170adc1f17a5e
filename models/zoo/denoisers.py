"""The two networks of RoHyDR's generators: a diffusion transformer and a one-dimensional U-Net.

Both take x_t (B, d, S), a time (B,) in [0, 1] and a condition (B, d, S) of the available
modalities, and give (B, d, S). Peebles and Xie 2023 for the transformer with adaptive layer norm,
Song et al. 2021 for the time features of the U-Net.

Sizes here and in the released code: transformer width 48, 3 blocks, 4 heads (64, 6, 16); U-Net
channels 24, 48 (32 to 256), one attention layer at each level (two).
"""

import math
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn

WIDTH: Final = 48
DEPTH: Final = 3
HEADS: Final = 4
CHANNELS: Final = (24, 48)
TIME: Final = 32
FASTEST: Final = 1000.0


def time_waves(t: Tensor) -> Tensor:
    """Sines and cosines (B, TIME) of times (B,) in [0, 1]."""
    rates = torch.exp(torch.linspace(0.0, math.log(FASTEST), TIME // 2))
    angles = t[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class DitBlock(nn.Module):
    """Attention and feed-forward whose norms are set by time and condition."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(WIDTH, elementwise_affine=False)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.norm_feed = nn.LayerNorm(WIDTH, elementwise_affine=False)
        self.feed = nn.Sequential(
            nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
        )
        self.changes = nn.Linear(WIDTH, 6 * WIDTH)
        nn.init.zeros_(self.changes.weight)
        nn.init.zeros_(self.changes.bias)

    def forward(self, x: Tensor, moment: Tensor) -> Tensor:
        """(B, S, W) tokens under a moment (B, W)."""
        shift_a, scale_a, gate_a, shift_f, scale_f, gate_f = (
            self.changes(moment).unsqueeze(1).chunk(6, dim=-1)
        )
        normed = self.norm_attention(x) * (1.0 + scale_a) + shift_a
        x = x + gate_a * self.attention(normed, normed, normed, need_weights=False)[0]
        out: Tensor = x + gate_f * self.feed(self.norm_feed(x) * (1.0 + scale_f) + shift_f)
        return out


class Dit(nn.Module):
    """Diffusion transformer over S tokens.

    The released one knows the condition by its mean over time alone, which drops when things
    happen. Here each token sees the condition at its own place as well.

    Args:
        width: d.
        length: S.
    """

    def __init__(self, width: int, length: int) -> None:
        super().__init__()
        self.enter = nn.Linear(2 * width, WIDTH)
        self.place = nn.Parameter(torch.randn(length, WIDTH) * 0.02)
        self.time = nn.Sequential(nn.Linear(TIME, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))
        self.pooled = nn.Linear(width, WIDTH)
        self.blocks = nn.ModuleList(DitBlock() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH)
        self.leave = nn.Linear(WIDTH, width)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """See the module's description."""
        moment = nn.functional.silu(self.time(time_waves(t)) + self.pooled(condition.mean(dim=2)))
        tokens = self.enter(torch.cat([x, condition], dim=1).transpose(1, 2)) + self.place
        for block in self.blocks:
            tokens = block(tokens, moment)
        out: Tensor = self.leave(self.norm(tokens)).transpose(1, 2)
        return out


class Level(nn.Module):
    """Two convolutions under a time, and attention to the condition."""

    def __init__(self, entering: int, channels: int, condition: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(entering, channels, 3, padding=1)
        self.norm_first = nn.GroupNorm(4, channels)
        self.time = nn.Linear(TIME, channels)
        self.second = nn.Conv1d(channels, channels, 3, padding=1)
        self.norm_second = nn.GroupNorm(4, channels)
        self.known = nn.Linear(condition, channels)
        self.attention = nn.MultiheadAttention(channels, HEADS, batch_first=True)

    def forward(self, x: Tensor, waves: Tensor, condition: Tensor) -> Tensor:
        """(B, C, S) to (B, channels, S); the condition is (B, S', d)."""
        x = nn.functional.silu(self.norm_first(self.first(x)) + self.time(waves).unsqueeze(-1))
        x = nn.functional.silu(self.norm_second(self.second(x)))
        keys = self.known(condition)
        seen = self.attention(x.transpose(1, 2), keys, keys, need_weights=False)[0]
        return torch.as_tensor(x + seen.transpose(1, 2))


class ScoreUnet(nn.Module):
    """Score network of the variance-exploding SDE.

    The released one adds the same noise to the condition as to the target in training, and fresh
    noise in sampling: the difference of its two inputs is then free of noise in training alone.
    Here the condition is clean in both. What enters is scaled to unit spread.

    Args:
        width: d.
        std: standard deviation of the noise at times (B,); a score is of size 1 / std.
    """

    def __init__(self, width: int, std: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.std = std
        low, high = CHANNELS
        self.down = Level(2 * width, low, width)
        self.halve = nn.Conv1d(low, low, 3, stride=2, padding=1)
        self.middle = Level(low, high, width)
        self.up = Level(low + high, low, width)
        self.leave = nn.Conv1d(low, width, 1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """See the module's description; gives the score."""
        std = self.std(t)[:, None, None]
        waves, known = time_waves(t), condition.transpose(1, 2)
        entered = torch.cat([x / (1.0 + std.square()).sqrt(), condition], dim=1)
        fine = self.down(entered, waves, known)
        coarse = self.middle(self.halve(fine), waves, known)
        spread = nn.functional.interpolate(coarse, size=fine.shape[2])
        out: Tensor = self.leave(self.up(torch.cat([fine, spread], dim=1), waves, known)) / std
        return out
