"""Class-paired windows: a voice, a face and words of one class, from three unrelated data sets.

This is a way to train a fusion, not a benchmark: the three never belonged to one moment. Paired by
class alone they would always agree, and a fusion trained so trusts agreement far too much. So some
of the modalities show another class than the window's label, at a rate that is *chosen*: no set
here says how often real channels disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..calibration import PATTERNS
from ..features import MODALITIES, Bool, Float32, Modality
from ..labels import INDEX
from .banks import CLASSES, Bank, Ints, stretches

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairingConfig:
    """How windows are put together and damaged; rates are chances per sample or modality.

    Attributes:
        mismatch: a modality shows another class than the label (only where several are present).
        mismatch_neutral: ... and then it is neutral, else any other class.
        early: only the last bins exist yet, as at the start of a session.
        block_drop: a run of up to three quarters of the bins is lost.
        bin_drop: bins are lost independently, at a rate drawn from [0, 0.7].
        all_present: share of windows with all three; the other six patterns share the rest.
    """

    mismatch: float = 0.15
    mismatch_neutral: float = 0.5
    early: float = 0.15
    block_drop: float = 0.2
    bin_drop: float = 0.2
    all_present: float = 0.22


@dataclass(frozen=True, slots=True, eq=False)
class PairedBatch:
    """Class-paired windows.

    Attributes:
        tokens: per modality (N, T, D) float32.
        mask: per modality (N, T) bool.
        labels: (N,) int64, the label of the window.
        own: (N, 3) int64, the class that each modality shows, -1 where it is absent.
    """

    tokens: Mapping[Modality, Tensor]
    mask: Mapping[Modality, Tensor]
    labels: Tensor
    own: Tensor


def shared_prior(priors: list[Floats], power: float) -> Floats:
    """One class prior for all modalities: the mean of the sets' own, flattened.

    Args:
        priors: (7,) of each set.
        power: 1 keeps the mean, 0 makes all classes equally frequent.
    """
    mean = np.mean(priors, axis=0) ** power
    return np.asarray(mean / mean.sum(), dtype=np.float64)


def damage(mask: Bool, config: PairingConfig, rng: np.random.Generator) -> Bool:
    """Lose a block and single bins of (N, T); a row that would lose all stays as it is."""
    count, bins = mask.shape
    kept = mask.copy()
    block = stretches(count, bins, 1, max(1, bins * 3 // 4), rng)
    kept &= ~(block & (rng.random(count) < config.block_drop)[:, None])
    rate = rng.uniform(0.0, 0.7, count) * (rng.random(count) < config.bin_drop)
    kept &= rng.random((count, bins)) >= rate[:, None]
    return np.where(kept.any(axis=1)[:, None], kept, mask)


class Pairer:
    """Draws class-paired windows from banks.

    Args:
        banks: one per modality, all with T = `bins`.
        prior: (7,) chance of each label.
        config: rates.
        bins: T.
    """

    def __init__(
        self, banks: Mapping[Modality, Bank], prior: Floats, config: PairingConfig, bins: int
    ) -> None:
        self.banks = banks
        self.prior = prior
        self.config = config
        self.bins = bins
        others = (1.0 - config.all_present) / (len(PATTERNS) - 1)
        self._shares = [config.all_present if len(p) == 3 else others for p in PATTERNS.values()]

    def draw(self, count: int, rng: np.random.Generator, pattern: str | None = None) -> PairedBatch:
        """Draw windows.

        Args:
            count: N.
            rng: source of everything random.
            pattern: a name of `PATTERNS` for all of them and no damage; None draws a pattern for
                each and damages them.
        """
        present = self._present(count, rng, pattern)
        labels = rng.choice(CLASSES, size=count, p=self.prior)
        own = np.where(present, self.shown(labels, present, rng), -1)
        early = self.early(count, rng)
        tokens: dict[Modality, Tensor] = {}
        mask: dict[Modality, Tensor] = {}
        for column, name in enumerate(MODALITIES):
            values, measured = self.banks[name].draw(np.maximum(own[:, column], 0), rng)
            if pattern is None:
                later = measured & early
                measured = np.where(later.any(axis=1)[:, None], later, measured)
                measured = damage(measured, self.config, rng)
            measured = measured & present[:, column : column + 1]
            tokens[name] = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
            mask[name] = torch.from_numpy(measured)
        return PairedBatch(tokens, mask, torch.from_numpy(labels), torch.from_numpy(own))

    def _present(self, count: int, rng: np.random.Generator, pattern: str | None) -> Bool:
        """(N, 3) which modalities are there."""
        rows = np.array([[name in p for name in MODALITIES] for p in PATTERNS.values()])
        if pattern is not None:
            return np.repeat(rows[[list(PATTERNS).index(pattern)]], count, axis=0)
        return np.asarray(rows[rng.choice(len(rows), size=count, p=self._shares)])

    def shown(self, labels: Ints, present: Bool, rng: np.random.Generator) -> Ints:
        """(N, 3) the class that each modality shows."""
        shape = present.shape
        shift = rng.integers(1, CLASSES, size=shape)
        other = (labels[:, None] + shift) % CLASSES
        other = np.where(rng.random(shape) < self.config.mismatch_neutral, INDEX["neutral"], other)
        differs = (rng.random(shape) < self.config.mismatch) & (present.sum(axis=1) > 1)[:, None]
        return np.asarray(np.where(differs, other, labels[:, None]), dtype=np.int64)

    def early(self, count: int, rng: np.random.Generator) -> Bool:
        """(N, T) bins that exist already; the same for all modalities of a window."""
        length = rng.integers(1, self.bins + 1, size=count)
        length = np.where(rng.random(count) < self.config.early, length, self.bins)
        return np.asarray(np.arange(self.bins) >= (self.bins - length)[:, None])


def measured_tokens(batch: PairedBatch, name: Modality) -> Float32:
    """All tokens (M, D) of a modality that its mask lets through."""
    return np.asarray(batch.tokens[name][batch.mask[name]].numpy(), dtype=np.float32)
