"""The audio network: causal convolutions over log-mel and prosody, and a head over window tokens.

State is explicit: every layer that looks back takes its past as a tensor and returns the next one.
A whole recording is the same call with more time steps and the initial state.
"""

import math
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .audio_blocks import HOPS_PER_BLOCK
from .audio_features import MELS
from .labels import EMOTIONS
from .prosody import COLUMNS

INPUTS: Final = MELS + len(COLUMNS)
PITCH_REFERENCE_HZ: Final = 150.0
LOWEST_LEVEL_DB: Final = -60.0
"""Level of a stream in which nothing was heard yet; a quieter one is not raised further."""
FALL_DB: Final = 0.02
"""How much the level falls per hop of 10 ms: 2 dB per second."""
NATS_PER_DB: Final = math.log(10.0) / 10.0
LOWEST_NATS: Final = -14.0
"""What lies more than 60 dB below the level is not told apart."""

NetState = list[Tensor]


@dataclass(frozen=True, slots=True)
class AudioNetConfig:
    """Shape of the network; stored in the checkpoint.

    Attributes:
        stem: channels of the three convolutions over time and frequency.
        width: channels of the convolutions over time.
        dilations: one residual block each, in frames of 40 ms.
        dim: D, length of a frame's vector.
        bins: tokens per window that the head expects at most.
        dropout: share of channels dropped in training.
    """

    stem: tuple[int, int, int] = (16, 32, 64)
    width: int = 128
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    dim: int = 64
    bins: int = 12
    dropout: float = 0.1


def running_level(energy_db: Tensor, level_db: Tensor) -> Tensor:
    """Loudest energy so far, falling slowly: what a listener takes for the level of the stream.

    Args:
        energy_db: (B, T) energy of each hop in dB.
        level_db: (B, 1) level before them.

    Returns:
        (B, T) level at each hop, itself included, at least `LOWEST_LEVEL_DB`.
    """
    fall = FALL_DB * torch.arange(1, energy_db.shape[1] + 1)
    loudest = torch.cummax(energy_db + fall, dim=1).values
    return (torch.maximum(loudest, level_db) - fall).clamp(min=LOWEST_LEVEL_DB)


def with_past(x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
    """Put the past (B, C, P, ...) before x (B, C, T, ...); return both and the next past."""
    joined = torch.cat([past, x], dim=2)
    return joined, joined[:, :, joined.shape[2] - past.shape[2] :]


class Stem(nn.Module):
    """One causal convolution over time and frequency, halving frequency.

    Its kernel covers stride + 2 time steps, the last of which is the present.
    """

    def __init__(self, inputs: int, outputs: int, time_stride: int) -> None:
        super().__init__()
        kernel, stride = (time_stride + 2, 3), (time_stride, 2)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=(0, 1), bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, T, F) and past (B, C, 2, F) to (B, C', T / stride, F / 2) and the next past."""
        joined, past = with_past(x, past)
        return F.relu(self.norm(self.conv(joined))), past


class Residual(nn.Module):
    """One dilated causal convolution over three frames, then one over channels, plus its input.

    The three taps are stacked as channels: for a single frame this is many times faster than a
    dilated convolution, whose CPU kernel is a slow general one.
    """

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dilation = dilation
        self.conv = nn.Conv1d(3 * width, width, 1, bias=False)
        self.norm: nn.Module = nn.BatchNorm1d(width)
        self.mix = nn.Conv1d(width, width, 1, bias=False)
        self.mix_norm: nn.Module = nn.BatchNorm1d(width)
        self.dropout = dropout

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, T) and past (B, C, 2 * dilation) to (B, C, T) and the next past."""
        joined, past = with_past(x, past)
        count, gap = x.shape[2], self.dilation
        taps = torch.cat([joined[:, :, k * gap : k * gap + count] for k in range(3)], dim=1)
        y = F.relu(self.norm(self.conv(taps)))
        if self.training:
            y = F.dropout1d(y, self.dropout)
        return F.relu(x + self.mix_norm(self.mix(y))), past


class AudioEncoderNet(nn.Module):
    """Log-mel and prosody at 10 ms to one vector per 40 ms, strictly causal."""

    def __init__(self, config: AudioNetConfig) -> None:
        super().__init__()
        a, b, c = config.stem
        self.config = config
        self.register_buffer("mean", torch.zeros(INPUTS))
        self.register_buffer("scale", torch.ones(INPUTS))
        self.stems = nn.ModuleList([Stem(1, a, 2), Stem(a, b, 1), Stem(b, c, 2)])
        extra = HOPS_PER_BLOCK * len(COLUMNS)
        for stem in self.stems:  # channels last: twice as fast to train on a CPU
            for weight in stem.parameters():
                if weight.ndim == 4:
                    weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        self.enter = nn.Conv1d(c * MELS // 8 + extra, config.width, 1, bias=False)
        self.enter_norm: nn.Module = nn.BatchNorm1d(config.width)
        self.blocks = nn.ModuleList(
            Residual(config.width, d, config.dropout) for d in config.dilations
        )
        self.leave = nn.Linear(config.width, config.dim)
        self.leave_norm = nn.LayerNorm(config.dim)

    def initial_state(self, batch: int = 1) -> NetState:
        """State at the start of a stream: nothing was heard, so the level is the lowest one."""
        channels = (1, *self.config.stem[:2])
        mels = [
            torch.zeros(batch, n, 2, MELS >> i).to(memory_format=torch.channels_last)
            for i, n in enumerate(channels)
        ]
        width = self.config.width
        past = [torch.zeros(batch, width, 2 * d) for d in self.config.dilations]
        return [torch.full((batch, 1), LOWEST_LEVEL_DB), *mels, *past]

    def normalise(self, features: Tensor, level_db: Tensor) -> tuple[Tensor, Tensor]:
        """Take the stream's own level out, then scale to about zero mean and unit spread.

        Args:
            features: (B, T, 67) raw log-mel, f0 in Hz, voicing, dB.
            level_db: (B, 1) level at the end of what came before.

        Returns:
            (B, T, 67) and the level (B, 1) at their end.
        """
        mel, f0_hz, voicing = features[..., :MELS], features[..., MELS], features[..., MELS + 1]
        energy_db = features[..., -1]
        level = running_level(energy_db, level_db)
        relative = (mel - level[..., None] * NATS_PER_DB).clamp(min=LOWEST_NATS)
        pitch = torch.log2(f0_hz.clamp(min=1.0) / PITCH_REFERENCE_HZ) * (f0_hz > 0)
        voice = torch.stack([pitch, voicing, energy_db - level], dim=-1)
        mean, scale = self.get_buffer("mean"), self.get_buffer("scale")
        return (torch.cat([relative, voice], dim=-1) - mean) * scale, level[:, -1:]

    def forward(self, features: Tensor, state: NetState) -> tuple[Tensor, NetState]:
        """Encode.

        Args:
            features: (B, T, 67) raw features at 10 ms, T a multiple of 4.
            state: from `initial_state` or the call before.

        Returns:
            (B, T / 4, D) vectors and the next state.
        """
        x, level_db = self.normalise(features, state[0])
        batch, hops, _ = x.shape
        after: NetState = [level_db]
        mel = x[:, None, :, :MELS]
        for stem, past in zip(self.stems, state[1 : 1 + len(self.stems)], strict=True):
            mel, past = stem(mel, past)
            after.append(past)
        frames = mel.transpose(1, 2).reshape(batch, hops // HOPS_PER_BLOCK, -1)
        voice = x[..., MELS:].reshape(batch, hops // HOPS_PER_BLOCK, -1)
        y = torch.cat([frames, voice], dim=-1).transpose(1, 2)
        y = F.relu(self.enter_norm(self.enter(y)))
        for block, past in zip(self.blocks, state[1 + len(self.stems) :], strict=True):
            y, past = block(y, past)
            after.append(past)
        return self.leave_norm(self.leave(y.transpose(1, 2))), after


class AudioHead(nn.Module):
    """Tokens of one window to logits: positions, self-attention, attention pooling."""

    def __init__(self, config: AudioNetConfig) -> None:
        super().__init__()
        dim = config.dim
        self.position = nn.Parameter(torch.zeros(config.bins, dim))
        self.attention = nn.MultiheadAttention(dim, 4, batch_first=True, dropout=config.dropout)
        self.norm = nn.LayerNorm(dim)
        self.score = nn.Linear(dim, 4)
        self.hidden = nn.Linear(5 * dim, 2 * dim)
        self.out = nn.Linear(2 * dim, len(EMOTIONS))
        self.short = nn.Linear(dim, len(EMOTIONS))
        self.dropout = config.dropout

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Classify windows.

        Args:
            tokens: (B, T, D), zero where the mask is False.
            mask: (B, T) bool, at least one True per row.

        Returns:
            (B, 7) logits in the order of `labels.EMOTIONS`.
        """
        x = tokens + self.position[: tokens.shape[1]]
        mixed, _ = self.attention(x, x, x, key_padding_mask=~mask, need_weights=False)
        x = self.norm(x + mixed)
        weights = self.score(x).masked_fill(~mask[..., None], -torch.inf).softmax(dim=1)
        pooled = torch.einsum("bth,btd->bhd", weights, x).flatten(1)
        kept = mask[..., None].to(x.dtype)
        mean = (tokens * kept).sum(1) / kept.sum(1)
        h = F.relu(self.hidden(torch.cat([pooled, mean], dim=1)))
        deep: Tensor = self.out(F.dropout(h, self.dropout, self.training))
        shallow: Tensor = self.short(mean)  # lets the encoder learn from the first step on
        return deep + shallow


class AudioNet(nn.Module):
    """Encoder and head, as they are trained and stored together."""

    def __init__(self, config: AudioNetConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = AudioEncoderNet(config)
        self.head = AudioHead(config)


def pooling_weights(frame_ns: Tensor, duration_ns: int, bins: int, bin_ns: int) -> Tensor:
    """Weights that average frames into bins as `features.pool_frames` does.

    It holds for frames no longer than a bin: such a frame lands in the bin of its midpoint.

    Args:
        frame_ns: (B, N) int64, start of each frame after the start of its window, ns; frames
            outside the window get no weight.
        duration_ns: length of every frame, at most `bin_ns`.
        bins: T.
        bin_ns: length of one bin in ns.

    Returns:
        (B, T, N) float32 whose rows sum to 1, or to 0 where a bin is empty.
    """
    bin_of = torch.div(frame_ns + duration_ns // 2, bin_ns, rounding_mode="floor")
    hits = (bin_of[:, None, :] == torch.arange(bins)[None, :, None]).float()
    return hits / hits.sum(dim=2, keepdim=True).clamp(min=1.0)
