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

    @property
    def timing_head(self) -> tuple[int, int]:
        """(layer, head) of the decoder that is taught to look at the word that comes next."""
        return self.layers - 1, 0


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

    def forward(self, x: Tensor, *, causal: bool) -> Tensor:
        """(B, S, W), mixed with itself."""
        q, k, v = self._parts(x, None)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return x + torch.as_tensor(self.out(mixed.transpose(1, 2).flatten(2)))

    def cross(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, W) with a (B, M, W) memory; also the logarithms (B, H, S, M) of the weights."""
        q, k, v = self._parts(x, memory)
        logs = (q @ k.transpose(2, 3) / math.sqrt(q.shape[3])).log_softmax(3)
        mixed = logs.exp() @ v
        return x + torch.as_tensor(self.out(mixed.transpose(1, 2).flatten(2))), logs

    def _parts(self, x: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        normal = self.norm(x)
        source = normal if memory is None else memory
        return (
            self._by_head(self.query(normal)),
            self._by_head(self.key(source)),
            self._by_head(self.value(source)),
        )

    def _by_head(self, part: Tensor) -> Tensor:
        return part.view(part.shape[0], part.shape[1], self.heads, -1).transpose(1, 2)


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

    def forward(self, x: Tensor) -> Tensor:
        """(B, S, W) of an encoder."""
        return torch.as_tensor(self.feed(self.own(x, causal=False)))

    def decode(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, W) of a decoder; also where it looks, see `Attention.cross`."""
        assert self.cross is not None
        x, logs = self.cross.cross(self.own(x, causal=True), memory)
        return torch.as_tensor(self.feed(x)), logs


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

    def forward(self, mels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Read on.

        Args:
            mels: (B, 80, F), see `listen`.
            tokens: (B, S) int64.

        Returns:
            scores (B, S, V) of the token after each, and the logarithms (B, S, F / 2) of the
            attention of the head that words get their times from, see `timing_head`.
        """
        memory = self.listen(mels)
        x = self.tokens[tokens] + self.places[: tokens.shape[1]]
        for layer in self.decoder:
            assert isinstance(layer, Layer)
            x, logs = layer.decode(x, memory)
        head = self.shape.timing_head[1]
        return torch.as_tensor(self.decoded(x) @ self.tokens.T), logs[:, head]
