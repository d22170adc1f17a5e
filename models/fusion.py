"""Mask-aware transformer over the tokens of all modalities.

Each modality gives one token per time bin. A token that was not measured is cut off twice: its
values are replaced by zero before the first product (so that not even a NaN gets through) and its
key is barred from every attention. One learned summary token is always there, so that a window
with nothing in it still has a finite output.

The logits are a sum: what each modality says by itself (a linear reading of its mean token) plus
what the transformer adds. The sum keeps the single-modality readings as good as those of the
encoders, and the transformer has only to learn the interplay.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .errors import ModelError
from .features import MODALITIES, Modality, Source

SOURCES: Final[dict[Source, int]] = {"measured": 0, "recovered": 1, "absent": 2}
"""Row of the source embedding."""

CLAMP: Final = 8.0
"""Standardised token values are cut here, so that a wild feature cannot rule the attention."""

LEAST_SCALE: Final = 1e-2
"""Smallest spread of a token value that is still scaled to one."""


@dataclass(frozen=True, slots=True)
class FusionConfig:
    """Shape of a fusion network.

    Attributes:
        dims: token length of each modality that takes part.
        bins: tokens per modality and window.
        width: inner width, a multiple of `heads`.
        layers: attention blocks.
        heads: attention heads.
        dropout: in training only, [0, 1).
        classes: C, what is told apart.
    """

    dims: Mapping[Modality, int]
    bins: int = 12
    width: int = 96
    layers: int = 2
    heads: int = 4
    dropout: float = 0.1
    classes: int = 7

    def __post_init__(self) -> None:
        if not self.dims or set(self.dims) - set(MODALITIES) or min(self.dims.values()) < 1:
            raise ModelError(f"fusion dims {dict(self.dims)}: one length > 0 per modality wanted")
        if self.width < 1 or self.heads < 1 or self.width % self.heads:
            raise ModelError(f"fusion width {self.width} is no multiple of heads {self.heads}")
        if self.bins < 1 or self.layers < 0 or not 0.0 <= self.dropout < 1.0:
            raise ModelError(
                f"fusion bins {self.bins}, layers {self.layers}, dropout {self.dropout}: "
                "bins > 0, layers >= 0 and dropout in [0, 1) wanted"
            )
        if self.classes < 2:
            raise ModelError(f"fusion classes {self.classes}: two or more wanted")

    @property
    def names(self) -> tuple[Modality, ...]:
        """Modalities that take part, in the order of `MODALITIES`."""
        return tuple(name for name in MODALITIES if name in self.dims)

    def as_dict(self) -> dict[str, Any]:
        """Fields as JSON values, for a manifest."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "FusionConfig":
        """Build from a manifest's fields.

        Raises:
            ModelError: a field is unknown, missing or of the wrong type.
        """
        try:
            return cls(**fields)
        except (TypeError, AttributeError) as exc:
            raise ModelError(f"fusion config does not fit: {exc}") from exc


class FusionOutput(NamedTuple):
    """What the network says about a batch.

    Attributes:
        logits: (B, C) before calibration.
        unimodal: (B, M, C) part of each modality in the sum, 0 where it has no token.
        feature: (B, width) the summary token, for distillation.
    """

    logits: Tensor
    unimodal: Tensor
    feature: Tensor


class Block(nn.Module):
    """Pre-norm attention and feed-forward."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.norm_feed = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor, first: int | None = None) -> Tensor:
        """Mix tokens.

        Args:
            x: (B, S, W).
            bias: (B, 1, 1, S) float added to the attention scores; -inf bars a key.
            first: give only so many tokens from the front, which saves most of the work when the
                others are not needed any more; None gives all.

        Returns:
            (B, S or `first`, W).
        """
        batch, _, width = x.shape
        weight, offset = self.queries_keys_values.weight, self.queries_keys_values.bias
        normed = self.norm_attention(x)
        q = functional.linear(normed[:, :first], weight[:width], offset[:width])
        keys_values = functional.linear(normed, weight[width:], offset[width:])
        q, k, v = (self._heads(part) for part in (q, *keys_values.chunk(2, dim=-1)))
        scores = q @ k.transpose(-1, -2) * (q.shape[-1] ** -0.5) + bias
        mixed = (scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(batch, -1, width)
        x = x[:, :first] + self.dropout(self.merge(mixed))
        mixed = x + self.dropout(self.feed(self.norm_feed(x)))
        assert isinstance(mixed, Tensor)
        return mixed

    def _heads(self, x: Tensor) -> Tensor:
        """(B, S, W) as (B, H, S, W / H)."""
        batch, length, width = x.shape
        return x.reshape(batch, length, self.heads, width // self.heads).transpose(1, 2)


class Reader(nn.Module):
    """Standardises one modality's tokens, reads them alone and hands them to the transformer."""

    mean: Tensor
    scale: Tensor

    def __init__(self, dim: int, width: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(dim))
        self.alone = nn.Linear(dim, classes)
        self.project = nn.Linear(dim, width)

    def standardise(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, T, D) tokens to zero mean and unit scale; exactly 0 where the mask is False."""
        measured = mask.unsqueeze(-1)
        z = (torch.where(measured, tokens, self.mean) - self.mean) * self.scale
        return torch.where(measured, z.clamp(-CLAMP, CLAMP), 0.0)


class Fusion(nn.Module):
    """The network; see the module's own description.

    Args:
        config: its shape.
    """

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.config = config
        self.names = config.names
        self.readers = nn.ModuleDict(
            {name: Reader(config.dims[name], config.width, config.classes) for name in self.names}
        )
        self.modality = nn.Embedding(len(self.names), config.width)
        self.time = nn.Embedding(config.bins, config.width)
        self.source = nn.Embedding(len(SOURCES), config.width)
        self.summary = nn.Parameter(torch.randn(config.width) * 0.02)
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, config.dropout) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.classes)
        for embedding in (self.modality, self.time):
            nn.init.normal_(embedding.weight, std=0.02)
        # A source that training never showed must not disturb: it starts as "no difference".
        nn.init.zeros_(self.source.weight)
        nn.init.zeros_(self.head.weight)

    @torch.no_grad()
    def fit_standardiser(self, measured: Mapping[Modality, Tensor]) -> None:
        """Set each reader's mean and scale from measured tokens (N, D) per modality, in place."""
        for name in self.names:
            reader, values = self._reader(name), measured[name]
            reader.mean.copy_(values.mean(dim=0))
            reader.scale.copy_(1.0 / values.std(dim=0).clamp(min=LEAST_SCALE))

    def standardise(
        self, tokens: Mapping[Modality, Tensor], mask: Mapping[Modality, Tensor]
    ) -> dict[Modality, Tensor]:
        """Tokens as the transformer sees them: the space in which lost ones are recovered.

        Args:
            tokens: per modality (B, T, D) float32; anything, NaN too, where the mask is False.
            mask: per modality (B, T) bool, True where there is a token.

        Returns:
            per modality (B, T, D) in [-CLAMP, CLAMP], exactly 0 where the mask is False.

        Raises:
            ModelError: shapes differ from the config.
        """
        self._check(tokens, mask)
        return {
            name: self._reader(name).standardise(tokens[name], mask[name]) for name in self.names
        }

    def standardise_one(self, name: Modality, tokens: Tensor, mask: Tensor) -> Tensor:
        """`standardise` for any number of tokens (B, S, D) of one modality, mask (B, S)."""
        return self._reader(name).standardise(tokens, mask)

    def forward(
        self,
        tokens: Mapping[Modality, Tensor],
        mask: Mapping[Modality, Tensor],
        sources: Mapping[Modality, Tensor] | None = None,
    ) -> FusionOutput:
        """Read a batch of windows; `standardise`, then `read`."""
        return self.read(self.standardise(tokens, mask), mask, sources)

    def read(
        self,
        z: Mapping[Modality, Tensor],
        mask: Mapping[Modality, Tensor],
        sources: Mapping[Modality, Tensor] | None = None,
    ) -> FusionOutput:
        """Read a batch of standardised windows.

        Args:
            z: per modality (B, T, D) as `standardise` gives them, or recovered in their likeness;
                0 where the mask is False.
            mask: per modality (B, T) bool, True where there is a token.
            sources: per modality (B, T) int64 rows of `SOURCES`; all measured if left out.

        Returns:
            logits and their parts, finite for finite tokens whatever the mask.
        """
        alone, sequence = [], []
        for index, name in enumerate(self.names):
            reader = self._reader(name)
            count = mask[name].sum(dim=1, keepdim=True)
            said = reader.alone(z[name].sum(dim=1) / count.clamp(min=1))
            alone.append(torch.where(count > 0, said, 0.0))
            place = self.modality.weight[index] + self.time.weight
            source = self.source.weight[0] if sources is None else self.source(sources[name])
            sequence.append(reader.project(z[name]) + place + source)
        feature = self._mix(torch.cat(sequence, dim=1), torch.cat([mask[m] for m in self.names], 1))
        unimodal = torch.stack(alone, dim=1)
        return FusionOutput(self.head(feature) + unimodal.sum(dim=1), unimodal, feature)

    def _reader(self, name: Modality) -> Reader:
        reader = self.readers[name]
        assert isinstance(reader, Reader)
        return reader

    def _mix(self, sequence: Tensor, present: Tensor) -> Tensor:
        """Run the blocks over (B, S, W) tokens and return the summary (B, W)."""
        batch = sequence.shape[0]
        if sequence.device.type == "cpu":
            # What no row has need not be computed; a GPU would have to wait for the answer.
            somewhere = present.any(dim=0)
            sequence, present = sequence[:, somewhere], present[:, somewhere]
        x = torch.cat([self.summary.expand(batch, 1, -1), sequence], dim=1)
        barred = functional.pad(~present, (1, 0), value=False)
        bias = torch.zeros(barred.shape, dtype=x.dtype, device=x.device)
        bias = bias.masked_fill(barred, -torch.inf)[:, None, None, :]
        for number, block in enumerate(self.blocks, start=1):
            # Only the summary leaves the last block.
            x = block(x, bias, 1 if number == len(self.blocks) else None)
        return torch.as_tensor(self.norm(x[:, 0]))

    def _check(self, tokens: Mapping[Modality, Tensor], mask: Mapping[Modality, Tensor]) -> None:
        for name in self.names:
            wanted = (self.config.bins, self.config.dims[name])
            if tuple(tokens[name].shape[1:]) != wanted or tokens[name].ndim != 3:
                raise ModelError(
                    f"{name} tokens have shape {tuple(tokens[name].shape)}, (B, {wanted[0]}, "
                    f"{wanted[1]}) wanted"
                )
            if mask[name].dtype != torch.bool or mask[name].shape != tokens[name].shape[:2]:
                raise ModelError(
                    f"{name} mask is {mask[name].dtype} {tuple(mask[name].shape)}, bool "
                    f"{tuple(tokens[name].shape[:2])} wanted"
                )
