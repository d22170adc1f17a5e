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
from torch import Tensor

from ..audio_blocks import HOPS_PER_BLOCK
from ..audio_net import INPUTS, pooling_weights
from ..features import Bool, Float32, TokenGrid
from .audio_augment import FeatureAugment, resample_hops, vary_features
from .audio_corpus import Utterance

HOP_NS: Final = 10_000_000
FRAME_NS: Final = HOPS_PER_BLOCK * HOP_NS
BATCHES_SORTED: Final = 4
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
        history_hops: longest stretch encoded before the end of the window, in hops.
    """

    grid: TokenGrid = field(default_factory=TokenGrid)
    late_start: float = 0.15
    least_speech: float = 0.4
    mask_silence: float = 0.3
    drop: float = 0.15
    history_hops: int = 432


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Windows ready for the network.

    Attributes:
        features: (B, T, 67) float32 raw features, T a multiple of 4.
        weights: (B, bins, T / 4) float32 from frames to tokens.
        mask: (B, bins) bool, at least one True per row.
        labels: (B,) int64.
    """

    features: Tensor
    weights: Tensor
    mask: Tensor
    labels: Tensor


def speech_hops(energy_db: Float32) -> Bool:
    """Hops within 35 dB of the loudest one, (hops,) bool."""
    loud: Bool = energy_db > energy_db.max() - SPEECH_BELOW_PEAK_DB
    return loud


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    features: Float32  # (hops, 67)
    frame_ns: np.ndarray[tuple[int], np.dtype[np.int64]]  # start in the window, or NOWHERE_NS


def _choose(loud: Bool, config: WindowConfig, rng: np.random.Generator) -> tuple[int, int]:
    """First hop of the stream and the hop at which the window ends."""
    spoken = np.flatnonzero(loud)
    first, last = int(spoken[0]), int(spoken[-1]) + 1
    need = max(int(config.least_speech * (last - first)), 40)
    start = int(rng.integers(0, first + 1))
    if rng.random() < config.late_start:
        start = int(rng.integers(first, first + (last - first) // 3 + 1))
    lowest = min(max(first, start) + need, len(loud))
    end = int(rng.integers(lowest, len(loud) + 1))
    return max(start, end - config.history_hops), end


def draw_window(
    features: Float32, config: WindowConfig, augment: FeatureAugment, rng: np.random.Generator
) -> _Drawn:
    """Draw one augmented window of one recording, (hops, 67) raw features."""
    stretched = resample_hops(features, augment, rng)
    loud = speech_hops(stretched[:, ENERGY])
    start, end = _choose(loud, config, rng)
    hops = -(-(end - start) // HOPS_PER_BLOCK) * HOPS_PER_BLOCK
    stream = vary_features(stretched[start : start + hops], augment, rng)
    frames = len(stream) // HOPS_PER_BLOCK
    t1_ns = (end - start) * HOP_NS - int(rng.integers(0, HOP_NS))
    frame_ns = np.arange(frames) * FRAME_NS - (t1_ns - config.grid.window_ns)
    kept = np.ones(frames, np.bool_)
    if rng.random() < config.mask_silence:
        spoken = loud[start : start + frames * HOPS_PER_BLOCK].reshape(frames, HOPS_PER_BLOCK)
        kept &= spoken.any(axis=1)
    if rng.random() < config.drop:
        gap = int(rng.integers(0, frames))
        kept[gap : gap + int(rng.integers(5, 40))] = False
    inside = (frame_ns + FRAME_NS // 2 >= 0) & (frame_ns + FRAME_NS // 2 < config.grid.window_ns)
    if (kept & inside).any():
        frame_ns[~kept] = NOWHERE_NS
    return _Drawn(stream, frame_ns)


def collate(windows: Sequence[_Drawn], labels: Sequence[int], grid: TokenGrid) -> Batch:
    """Pad on the right, where the network does not look, and stack."""
    hops = max(len(w.frame_ns) for w in windows) * HOPS_PER_BLOCK
    features = np.empty((len(windows), hops, INPUTS), np.float32)
    frame_ns = np.full((len(windows), hops // HOPS_PER_BLOCK), NOWHERE_NS, np.int64)
    for row, window in enumerate(windows):
        used = min(len(window.features), hops)
        features[row, :used] = window.features[:used]
        features[row, used:] = window.features[used - 1]
        frame_ns[row, : len(window.frame_ns)] = window.frame_ns
    weights = pooling_weights(torch.from_numpy(frame_ns), FRAME_NS, grid.bins, grid.bin_ns)
    mask = weights.sum(dim=2) > 0
    return Batch(torch.from_numpy(features), weights, mask, torch.tensor(labels))


class WindowSampler:
    """Draws class-balanced batches; one epoch holds as many windows as there are clips."""

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
        """Draw one batch."""
        return next(self.batches(size, 1))

    def batches(self, size: int, count: int) -> Iterator[Batch]:
        """Draw `count` batches; windows of like length go together, so that little is padding."""
        while count > 0:
            several = min(count, BATCHES_SORTED)
            count -= several
            chosen = self.rng.choice(len(self.corpus), size * several, p=self.share)
            drawn = [(self._draw(i), self.corpus[i].clip.label) for i in chosen]
            drawn.sort(key=lambda pair: len(pair[0].frame_ns))
            for k in self.rng.permutation(several):
                part = drawn[k * size : (k + 1) * size]
                yield collate([w for w, _ in part], [y for _, y in part], self.config.grid)

    def _draw(self, index: int) -> _Drawn:
        variants = self.corpus[index].variants
        features = variants[self.rng.integers(len(variants))].astype(np.float32)
        return draw_window(features, self.config, self.augment, self.rng)
