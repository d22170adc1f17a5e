"""The network of teacher, student and regressor: context once, then a small decoder per sample.

The context transformer reads what is known: measured tokens, the past with its age, and how far
each modality can be trusted. The decoder moves latents of the positions that are missing; it sees
the context by cross-attention only, so many samples cost one context and one batch of small
decoders.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ModelError
from ..features import MODALITIES, Modality
from ..fusion import Block
from .condition import Condition, joined
from .space import TokenSpace

FREQUENCIES: Final = 5
"""Sine and cosine pairs of a time or an age; more would make the flow's field needlessly rough."""

LONGEST_AGE_S: Final = 60.0
"""Older tokens count as this old."""


@dataclass(frozen=True, slots=True)
class RecoveryConfig:
    """Shape of a recovery network.

    Attributes:
        dims: token length of each modality that takes part.
        bins: T, tokens per modality and window.
        past: P, earlier tokens per modality.
        latent: L, numbers per token that are generated.
        width: inner width, a multiple of `heads`.
        context_layers: attention blocks over what is known.
        decoder_layers: blocks over what is missing.
        heads: attention heads.
        dropout: in training only, [0, 1).
    """

    dims: Mapping[Modality, int]
    bins: int = 12
    past: int = 8
    latent: int = 32
    width: int = 64
    context_layers: int = 2
    decoder_layers: int = 3
    heads: int = 4
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if not self.dims or set(self.dims) - set(MODALITIES) or min(self.dims.values()) < 1:
            raise ModelError(f"recovery dims {dict(self.dims)}: one length > 0 per modality wanted")
        if self.width < 1 or self.heads < 1 or self.width % self.heads:
            raise ModelError(f"recovery width {self.width} is no multiple of heads {self.heads}")
        least = min(self.bins, self.latent, self.decoder_layers)
        if least < 1 or self.past < 0 or self.context_layers < 0 or not 0.0 <= self.dropout < 1.0:
            raise ModelError(
                f"recovery bins {self.bins}, latent {self.latent}, decoder_layers "
                f"{self.decoder_layers} > 0, past {self.past}, context_layers "
                f"{self.context_layers} >= 0 and dropout {self.dropout} in [0, 1) wanted"
            )

    @property
    def names(self) -> tuple[Modality, ...]:
        """Modalities that take part, in the order of `MODALITIES`."""
        return tuple(name for name in MODALITIES if name in self.dims)

    @property
    def positions(self) -> int:
        """N = M * T."""
        return len(self.names) * self.bins

    def as_dict(self) -> dict[str, Any]:
        """Fields as JSON values, for a manifest."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "RecoveryConfig":
        """Build from a manifest's fields.

        Raises:
            ModelError: a field is unknown, missing or of the wrong type.
        """
        try:
            return cls(**fields)
        except (TypeError, AttributeError) as exc:
            raise ModelError(f"recovery config does not fit: {exc}") from exc


class Context(NamedTuple):
    """What the decoder may look at.

    Attributes:
        keys: per decoder layer (B, H, S, W / H).
        values: per decoder layer (B, H, S, W / H).
        bias: (B, 1, 1, S) float, -inf where nothing is known.
        wanted: (B, N) bool, positions to move.
    """

    keys: list[Tensor]
    values: list[Tensor]
    bias: Tensor
    wanted: Tensor


def waves(x: Tensor, longest: float) -> Tensor:
    """Sines and cosines of (...,) values, periods from `longest` down by octaves: (..., 2 F)."""
    octaves = 2.0 ** torch.arange(FREQUENCIES, dtype=x.dtype, device=x.device)
    angles = x.unsqueeze(-1) * (2.0 * math.pi / longest) * octaves
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class Known(NamedTuple):
    """One layer's view of the context."""

    keys: Tensor
    values: Tensor
    bias: Tensor


class DecoderBlock(nn.Module):
    """Self-attention among missing positions, a look at the context, feed-forward.

    The time of the flow shifts and scales what each part sees, and starts without effect.
    """

    def __init__(self, config: RecoveryConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(3))
        self.modulate = nn.Linear(width, 6 * width)
        self.own = nn.Linear(width, 3 * width)
        self.merge_own = nn.Linear(width, width)
        self.query = nn.Linear(width, width)
        self.known = nn.Linear(width, 2 * width)
        self.merge_known = nn.Linear(width, width)
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(2 * width, width),
        )
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def keys_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, W) context as keys and values (B, H, S, W / H)."""
        keys, values = self.known(memory).chunk(2, dim=-1)
        return _heads(keys, self.heads), _heads(values, self.heads)

    def forward(self, x: Tensor, moment: Tensor, own_bias: Tensor, known: "Known") -> Tensor:
        """Move latents.

        Args:
            x: (B * K, N, W).
            moment: (B * K, W), the time of the flow.
            own_bias: (B * K, 1, 1, N) added to the scores of self-attention.
            known: this layer's keys and values, and the bias of the context.

        Returns:
            (B * K, N, W).
        """
        changes = self.modulate(moment).unsqueeze(1).chunk(6, dim=-1)
        parts = self.own(self._seen(0, x, changes)).chunk(3, dim=-1)
        q, k, v = (_heads(part, self.heads) for part in parts)
        x = x + self.merge_own(_attend(q, k, v, own_bias))
        batch, (rows, count, width) = known.keys.shape[0], x.shape
        # Queries do not see each other here, so all samples of a window share one context.
        asked = self.query(self._seen(1, x, changes)).reshape(batch, rows // batch * count, width)
        heard = _attend(_heads(asked, self.heads), known.keys, known.values, known.bias)
        x = x + self.merge_known(heard.reshape(rows, count, width))
        moved = x + self.feed(self._seen(2, x, changes))
        assert isinstance(moved, Tensor)
        return moved

    def _seen(self, index: int, x: Tensor, changes: tuple[Tensor, ...]) -> Tensor:
        """Normalised latents, shifted and scaled for one part of the block."""
        normed = self.norms[index](x)
        return torch.as_tensor(normed * (1.0 + changes[2 * index + 1]) + changes[2 * index])


class RecoveryNet(nn.Module):
    """Velocity of the flow from noise to lost tokens; see the module's description.

    Args:
        config: its shape.
    """

    def __init__(self, config: RecoveryConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.space = TokenSpace(config.dims, config.latent)
        self.read = nn.ModuleDict(
            {name: nn.Linear(config.dims[name], width) for name in config.names}
        )
        self.modality = nn.Embedding(len(config.names), width)
        self.time = nn.Embedding(config.bins, width)
        self.age = nn.Linear(2 * FREQUENCIES + 1, width)
        self.trust = nn.Linear(1, width)
        self.nothing = nn.Parameter(torch.randn(width) * 0.02)
        self.blocks = nn.ModuleList(
            Block(width, config.heads, config.dropout) for _ in range(config.context_layers)
        )
        self.enter = nn.Linear(config.latent, width)
        self.place = nn.Parameter(torch.randn(config.positions, width) * 0.02)
        self.moment = nn.Sequential(
            nn.Linear(4 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.decoder = nn.ModuleList(DecoderBlock(config) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, config.latent)
        for embedding in (self.modality, self.time):
            nn.init.normal_(embedding.weight, std=0.02)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def encode(self, condition: Condition, hidden: Tensor | None = None) -> Context:
        """Read what is known about a batch of windows, once for all samples and steps.

        Args:
            condition: B windows of this network's modalities and bins.
            hidden: (B,) bool, windows of which nothing may be known, for guidance.

        Returns:
            what `velocity` wants.
        """
        sequence, known = self._known(condition)
        if hidden is not None:
            known = known & ~hidden[:, None]
        if sequence.device.type == "cpu":
            # What is known of no window need not be computed; a GPU would wait for the answer.
            somewhere = known.any(dim=0)
            sequence, known = sequence[:, somewhere], known[:, somewhere]
        nothing = self.nothing.expand(condition.batch, 1, -1)
        x = torch.cat([nothing, sequence], dim=1)
        barred = functional.pad(~known, (1, 0), value=False)
        bias = torch.zeros(barred.shape, dtype=x.dtype, device=x.device)
        bias = bias.masked_fill(barred, -torch.inf)[:, None, None, :]
        for block in self.blocks:
            x = block(x, bias)
        views = [block.keys_values(x) for block in self._decoder()]
        wanted = joined(condition.wanted, self.config.names)
        return Context([k for k, _ in views], [v for _, v in views], bias, wanted)

    def known(self, condition: Condition) -> Tensor:
        """What the context of one window starts from, (1, S, W): only what is known of it."""
        sequence, known = self._known(condition)
        return torch.cat([self.nothing.expand(1, 1, -1), sequence[:, known[0]]], dim=1)

    def velocity(
        self,
        x: Tensor,
        moment: tuple[Tensor, Tensor],
        context: Context,
        where: Tensor | None = None,
    ) -> Tensor:
        """Velocity of latents; meaningless, but finite, at positions that are not wanted.

        Args:
            x: (B, K, N, L) latents of K samples per window.
            moment: time in [0, 1] and size of the step that is to be taken, each (B, K); 0 is the
                infinitesimal step of the teacher.
            context: of the B windows.
            where: (N,) int64 positions that `x` holds; all M * T if left out.

        Returns:
            (B, K, N, L).
        """
        batch, samples, count, _ = x.shape
        wanted = context.wanted if where is None else context.wanted[:, where]
        place = self.place if where is None else self.place[where]
        barred = ~wanted & wanted.any(dim=1, keepdim=True)
        bias = torch.zeros(barred.shape, dtype=x.dtype, device=x.device)
        bias = bias.masked_fill(barred, -torch.inf).repeat_interleave(samples, dim=0)
        inner = (self.enter(x) + place).reshape(batch * samples, count, -1)
        times = torch.cat([waves(part, 2.0) for part in moment], dim=-1)
        when = self.moment(times.reshape(batch * samples, -1))
        for block, keys, values in zip(self._decoder(), context.keys, context.values, strict=True):
            inner = block(inner, when, bias[:, None, None, :], Known(keys, values, context.bias))
        return torch.as_tensor(self.leave(self.norm(inner)).reshape(x.shape))

    def _known(self, condition: Condition) -> tuple[Tensor, Tensor]:
        """Sequence (B, S, W) of measured and past tokens and their presence (B, S) bool."""
        sequence, known = [], []
        for index, name in enumerate(self.config.names):
            about = self.modality.weight[index] + self.trust(
                condition.degradation[name].unsqueeze(-1)
            ).unsqueeze(1)
            here = _safe(condition.values[name], condition.measured[name])
            sequence.append(self.read[name](here) + about + self.time.weight)
            known.append(condition.measured[name])
            if condition.past is not None and self.config.past:
                mask = condition.past.mask[name]
                age_s = torch.where(mask, condition.past.age_s[name], 0.0)
                earlier = self.read[name](_safe(condition.past.values[name], mask))
                sequence.append(earlier + about + self.age(ages(age_s)))
                known.append(mask)
        return torch.cat(sequence, dim=1), torch.cat(known, dim=1)

    def _decoder(self) -> list[DecoderBlock]:
        return [block for block in self.decoder if isinstance(block, DecoderBlock)]


def ages(age_s: Tensor) -> Tensor:
    """What the network reads of an age (...,) in seconds: its logarithm and waves of it."""
    log_age = torch.log1p(age_s.clamp(0.0, LONGEST_AGE_S))
    return torch.cat([log_age.unsqueeze(-1), waves(log_age, 10.0)], dim=-1)


def _safe(tokens: Tensor, mask: Tensor) -> Tensor:
    """Tokens with exact zeros where the mask is False, so that not even a NaN gets through."""
    return torch.where(mask.unsqueeze(-1), tokens, 0.0)


def _heads(x: Tensor, heads: int) -> Tensor:
    """(B, S, W) as (B, H, S, W / H)."""
    batch, length, width = x.shape
    return x.view(batch, length, heads, width // heads).transpose(1, 2)


def _attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """Attention of (B, H, Q, D) over (B, H, S, D), heads merged: (B, Q, H * D)."""
    scores = q @ k.transpose(-1, -2) * (q.shape[-1] ** -0.5) + bias
    mixed = (scores.softmax(dim=-1) @ v).transpose(1, 2)
    return torch.as_tensor(mixed.reshape(mixed.shape[0], mixed.shape[1], -1))
