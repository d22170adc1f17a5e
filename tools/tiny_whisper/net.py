"""Whisper's architecture, small, for training with torch.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022): two
convolutions and a pre-norm transformer over log-mels, and a decoder that attends to them.
"""

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

MELS: Final = 80
FRAMES: Final = 3000
POSITIONS: Final = FRAMES // 2
TOKENS_MOST: Final = 448


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of a recogniser.

    Attributes:
        vocabulary: number of tokens.
        width: inner width, a multiple of `heads`.
        heads: attention heads.
        layers: of the encoder, and of the decoder.
    """

    vocabulary: int
    width: int = 96
    heads: int = 4
    layers: int = 2


def sinusoids(length: int, width: int) -> Tensor:
    """(length, width) fixed positions: sines, then cosines, of falling frequency."""
    step = math.log(10_000) / (width // 2 - 1)
    angles = torch.arange(length)[:, None] * torch.exp(-step * torch.arange(width // 2))[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Attention(nn.Module):
    """Multi-head attention with separate projections."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor | None = None, *, causal: bool = False) -> Tensor:
        """(B, S, W) with itself, or with the (B, M, W) memory."""
        normal = self.norm(x)
        source = normal if memory is None else memory
        q, k, v = (
            part.view(part.shape[0], part.shape[1], self.heads, -1).transpose(1, 2)
            for part in (self.query(normal), self.key(source), self.value(source))
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return x + torch.as_tensor(self.out(mixed.transpose(1, 2).flatten(2)))


class FeedForward(nn.Module):
    """Two linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, 4 * width)
        self.outer = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, S, W)."""
        return x + torch.as_tensor(self.outer(functional.gelu(self.inner(self.norm(x)))))


class Layer(nn.Module):
    """Attention to itself, to a memory if there is one, and a feed-forward part."""

    def __init__(self, shape: Shape, *, crossed: bool) -> None:
        super().__init__()
        self.own = Attention(shape.width, shape.heads)
        self.cross = Attention(shape.width, shape.heads) if crossed else None
        self.feed = FeedForward(shape.width)

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        """(B, S, W); causal where there is a memory."""
        x = self.own(x, causal=self.cross is not None)
        if self.cross is not None:
            x = self.cross(x, memory)
        return torch.as_tensor(self.feed(x))


class TinyWhisper(nn.Module):
    """The recogniser.

    Args:
        shape: its size.
    """

    positions: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.first = nn.Conv1d(MELS, shape.width, 3, padding=1)
        self.second = nn.Conv1d(shape.width, shape.width, 3, stride=2, padding=1)
        self.register_buffer("positions", sinusoids(POSITIONS, shape.width))
        self.encoder = nn.ModuleList(Layer(shape, crossed=False) for _ in range(shape.layers))
        self.encoded = nn.LayerNorm(shape.width)
        self.tokens = nn.Parameter(torch.randn(shape.vocabulary, shape.width) * 0.05)
        self.places = nn.Parameter(torch.randn(TOKENS_MOST, shape.width) * 0.02)
        self.decoder = nn.ModuleList(Layer(shape, crossed=True) for _ in range(shape.layers))
        self.decoded = nn.LayerNorm(shape.width)

    def listen(self, mels: Tensor) -> Tensor:
        """(B, 80, F) log-mels, F even and at most 3000, to (B, F / 2, W)."""
        x = functional.gelu(self.second(functional.gelu(self.first(mels)))).transpose(1, 2)
        x = x + self.positions[: x.shape[1]]
        for layer in self.encoder:
            x = layer(x)
        return torch.as_tensor(self.encoded(x))

    def forward(self, mels: Tensor, tokens: Tensor) -> Tensor:
        """Scores (B, S, V) of the token after each of the (B, S) tokens."""
        memory = self.listen(mels)
        x = self.tokens[tokens] + self.places[: tokens.shape[1]]
        for layer in self.decoder:
            x = layer(x, memory)
        return torch.as_tensor(self.decoded(x) @ self.tokens.T)
