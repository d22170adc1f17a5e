"""Training windows: a stream that begins somewhere in a clip, and a window that ends anywhere.

The network sees what it will see live: a stream encoded causally from its first sample, the last
three seconds of it cut into tokens, bins before the start of the stream and dropped or silent
stretches masked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..audio_blocks import HOPS_PER_BLOCK
from ..audio_features import MELS
from ..audio_net import INPUTS, pooling_weights
from ..datasets.ravdess import Clip
from ..features import Bool, Float32, TokenGrid
from .audio_augment import FeatureAugment, resample_hops, vary_features
from .audio_corpus import Utterance

HOP_NS: Final = 10_000_000
FRAME_NS: Final = HOPS_PER_BLOCK * HOP_NS
BATCHES_SORTED: Final = 4
Int64 = NDArray[np.int64]

NOWHERE_NS: Final = -(10**15)
SPEECH_BELOW_PEAK_DB: Final = 35.0
ENERGY: Final = INPUTS - 1


@dataclass(frozen=True, slots=True)
class WindowConfig:
    """How windows are drawn.

    Attributes:
        grid: bins of the window.
        late_start: chance that the stream begins inside the speech.
        least_speech: share of the speech that lies before the end of the window, at least.
        mask_silence: chance that silent frames are masked, as a quality check would.
        drop: chance that a stretch of the stream is missing.
        margin: most hops before the first and after the last speech that a stream keeps; more
            silence costs time and teaches nothing new.
        voices: how many other clips make babble.
    """

    grid: TokenGrid = field(default_factory=TokenGrid)
    late_start: float = 0.1
    least_speech: float = 0.5
    mask_silence: float = 0.3
    drop: float = 0.1
    margin: int = 40
    voices: int = 3


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Streams with their windows, ready for the network.

    Attributes:
        features: (B, T, 67) float32 raw features, T a multiple of 4.
        weights: (B, K * bins, T / 4) float32 from frames to the tokens of K windows.
        mask: (B * K, bins) bool, at least one True per row.
        labels: (B,) int64.
        actors: (B,) int64, who speaks.
    """

    features: Tensor
    weights: Tensor
    mask: Tensor
    labels: Tensor
    actors: Tensor


def speech_hops(energy_db: Float32) -> Bool:
    """Hops within 35 dB of the loudest one, (hops,) bool."""
    loud: Bool = energy_db > energy_db.max() - SPEECH_BELOW_PEAK_DB
    return loud


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One stream and the windows cut from it.

    Attributes:
        features: (hops, 67) float32.
        frame_ns: (K, frames) int64, start of each frame in each window, NOWHERE_NS where masked.
    """

    features: Float32
    frame_ns: Int64


def _begin(loud: Bool, config: WindowConfig, rng: np.random.Generator) -> int:
    """First hop of the stream: in the silence before the speech, or inside it."""
    spoken = np.flatnonzero(loud)
    first, last = int(spoken[0]), int(spoken[-1]) + 1
    if rng.random() < config.late_start:
        return int(rng.integers(first, first + (last - first) // 3 + 1))
    return int(rng.integers(max(0, first - config.margin), first + 1))


def _cut_window(loud: Bool, config: WindowConfig, rng: np.random.Generator) -> Int64:
    """Starts of the frames of a stream in one window, (frames,) ns.

    Args:
        loud: (hops,) which hops of the stream are speech, some of them at least.
        config: how the window is drawn.
        rng: source of the choice.
    """
    spoken = np.flatnonzero(loud)
    first, last = int(spoken[0]), int(spoken[-1]) + 1
    need = max(int(config.least_speech * (last - first)), 40)
    end = int(rng.integers(min(first + need, len(loud)), len(loud) + 1))
    t1_ns = end * HOP_NS - int(rng.integers(0, HOP_NS))
    frames = len(loud) // HOPS_PER_BLOCK
    frame_ns = np.arange(frames) * FRAME_NS - (t1_ns - config.grid.window_ns)
    kept = np.ones(frames, np.bool_)
    if rng.random() < config.mask_silence:
        kept &= loud[: frames * HOPS_PER_BLOCK].reshape(frames, HOPS_PER_BLOCK).any(axis=1)
    if rng.random() < config.drop:
        gap = int(rng.integers(0, frames))
        kept[gap : gap + int(rng.integers(5, 40))] = False
    middle = frame_ns + FRAME_NS // 2
    if (kept & (middle >= 0) & (middle < config.grid.window_ns)).any():
        frame_ns[~kept] = NOWHERE_NS
    return frame_ns


def draw_stream(
    features: Float32,
    count: int,
    config: WindowConfig,
    augment: FeatureAugment,
    rng: np.random.Generator,
    voices: Sequence[Float32] = (),
) -> Drawn:
    """Draw one augmented stream of one recording and cut windows.

    Args:
        features: (hops, 67) raw features.
        count: windows.
        config: how they are drawn.
        augment: feature changes.
        rng: source of all choices.
        voices: log-mel of others for babble.
    """
    stretched = resample_hops(features, augment, rng)
    loud = speech_hops(stretched[:, ENERGY])
    start = _begin(loud, config, rng)
    end = int(np.flatnonzero(loud)[-1]) + 1 + config.margin
    loud = loud[start:end]
    windows = np.stack([_cut_window(loud, config, rng) for _ in range(count)])
    return Drawn(vary_features(stretched[start:end], augment, rng, voices), windows)


def collate(streams: Sequence[Drawn], clips: Sequence[Clip], grid: TokenGrid) -> Batch:
    """Pad on the right, where the network does not look, and stack."""
    frames, count = max(s.frame_ns.shape[1] for s in streams), len(streams[0].frame_ns)
    features = np.empty((len(streams), frames * HOPS_PER_BLOCK, INPUTS), np.float32)
    frame_ns = np.full((len(streams), count, frames), NOWHERE_NS, np.int64)
    for row, stream in enumerate(streams):
        used = stream.frame_ns.shape[1]
        hops = used * HOPS_PER_BLOCK
        features[row, :hops] = stream.features[:hops]
        features[row, hops:] = stream.features[hops - 1]
        frame_ns[row, :, :used] = stream.frame_ns
    flat = torch.from_numpy(frame_ns.reshape(-1, frames))
    weights = pooling_weights(flat, FRAME_NS, grid.bins, grid.bin_ns)
    mask = weights.sum(dim=2) > 0
    weights = weights.view(len(streams), count * grid.bins, frames)
    labels = torch.tensor([clip.label for clip in clips])
    actors = torch.tensor([clip.actor for clip in clips])
    return Batch(torch.from_numpy(features), weights, mask, labels, actors)


class WindowSampler:
    """Draws class-balanced batches; one epoch holds as many streams as there are clips."""

    def __init__(
        self,
        corpus: Sequence[Utterance],
        config: WindowConfig,
        augment: FeatureAugment,
        seed: int,
    ) -> None:
        self.corpus = corpus
        self.config = config
        self.augment = augment
        self.rng = np.random.default_rng(seed)
        labels = np.array([u.clip.label for u in corpus])
        share = 1.0 / np.bincount(labels)[labels]
        self.share = share / share.sum()

    def batch(self, size: int) -> Batch:
        """Draw one batch with one window per stream."""
        return next(self.batches(size, 1))

    def batches(self, size: int, count: int, windows: int = 1) -> Iterator[Batch]:
        """Draw `count` batches of `size` streams with `windows` windows each.

        Streams of like length go together, so that little is padding.
        """
        while count > 0:
            several = min(count, BATCHES_SORTED)
            count -= several
            chosen = self.rng.choice(len(self.corpus), size * several, p=self.share)
            drawn = [(self._draw(i, windows), self.corpus[i].clip) for i in chosen]
            drawn.sort(key=lambda pair: len(pair[0].features))
            for k in self.rng.permutation(several):
                part = drawn[k * size : (k + 1) * size]
                yield collate([w for w, _ in part], [c for _, c in part], self.config.grid)

    def _variant(self, index: int) -> Float32:
        variants = self.corpus[index].variants
        return variants[self.rng.integers(len(variants))].astype(np.float32)

    def _draw(self, index: int, windows: int) -> Drawn:
        voices: list[Float32] = []
        if self.rng.random() < self.augment.babble:
            others = self.rng.integers(len(self.corpus), size=self.config.voices)
            voices = [self._variant(int(i))[:, :MELS] for i in others]
        features = self._variant(index)
        return draw_stream(features, windows, self.config, self.augment, self.rng, voices)
