"""Feature records that travel from encoders to fusion, and the token grid that both sides share.

A window is cut into equal time bins. Each modality gives one token per bin (the mean of the feature
frames that fall into it) and a mask that says which bins were measured. Training and the live
system build tokens with `pool_frames`, so that they cannot drift apart.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .labels import EMOTIONS

Modality = Literal["audio", "face", "text"]
Source = Literal["measured", "recovered", "absent"]

MODALITIES: Final[tuple[Modality, ...]] = get_args(Modality)

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class TokenGrid:
    """How a window is cut into tokens.

    Attributes:
        bins: tokens per modality and window.
        bin_ns: length of one bin in ns.
    """

    bins: int = 12
    bin_ns: int = 250_000_000

    @property
    def window_ns(self) -> int:
        """Length of a whole window in ns."""
        return self.bins * self.bin_ns


@dataclass(frozen=True, slots=True, eq=False)
class FeatureFrame:
    """One encoder output at one time.

    Attributes:
        modality: which encoder made it.
        participant: whose it is.
        t_ns: start of the stretch it describes, session clock.
        duration_ns: length of that stretch.
        values: (D,) float32.
        quality: trust in [0, 1]; 0 means masked.
    """

    modality: Modality
    participant: str
    t_ns: int
    duration_ns: int
    values: Float32
    quality: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class PastTokens:
    """The last tokens of a modality that were measured before it was lost.

    Attributes:
        values: (P, D) float32.
        age_s: (P,) float32, seconds from the middle of each token's bin to the window's end.
    """

    values: Float32
    age_s: Float32


@dataclass(frozen=True, slots=True, eq=False)
class FeatureWindow:
    """All tokens of one participant over one window.

    Attributes:
        participant: whose window.
        t0_ns: start, session clock.
        t1_ns: end, session clock; the grid always ends here.
        values: per modality (T, D) float32, zero where the mask is False.
        mask: per modality (T,) bool, True where measured.
        coverage: per modality share in [0, 1] of the window's bins inside the session that are
            measured.
        lost: modalities whose sensor takes part but cannot be trusted now, so that what they would
            show may be recovered. One that is switched off or muted is not among them.
        past: what is known of lost modalities from before.
        degradation: per modality from 0 (clean) to 1; one not named is clean.
    """

    participant: str
    t0_ns: int
    t1_ns: int
    values: Mapping[Modality, Float32]
    mask: Mapping[Modality, Bool]
    coverage: Mapping[Modality, float]
    lost: frozenset[Modality] = frozenset()
    past: Mapping[Modality, PastTokens] = field(default_factory=dict)
    degradation: Mapping[Modality, float] = field(default_factory=dict)


RecoveryFlag = Literal["nonfinite", "diverged", "deadline"]
"""Why a recovery was given up, and what is lost left out."""


@dataclass(frozen=True, slots=True)
class RecoveryNote:
    """How a reading came by what was lost.

    Attributes:
        steps: from noise to tokens.
        samples: read and averaged.
        share: weight in [0, 1] that the gate gave to the reading with recovered tokens.
        spread: per recovered modality, how far its samples lie apart, in standard deviations of a
            token.
        flag: why the recovery was given up; share is 0 then.
    """

    steps: int
    samples: int
    share: float
    spread: Mapping[Modality, float]
    flag: RecoveryFlag | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """A calibrated reading of the expressed emotion in one window.

    Attributes:
        t0_ns: start of the window, session clock.
        t1_ns: end of the window, session clock.
        probabilities: (7,) float32 in the order of `labels.EMOTIONS`, summing to 1; uniform
            when `abstained` because nothing was measured.
        valence: [-1, 1], or None when nothing was measured.
        arousal: [-1, 1], or None when nothing was measured.
        confidence: [0, 1], the calibrated probability of the leading class.
        abstained: True when no emotion is claimed.
        sources: per modality, whether it was measured, recovered or absent.
        unimodal: per measured modality (7,) float32, what it says alone.
        recovery: how lost modalities were recovered; None when none was tried.
    """

    t0_ns: int
    t1_ns: int
    probabilities: Float32
    valence: float | None
    arousal: float | None
    confidence: float
    abstained: bool
    sources: Mapping[Modality, Source]
    unimodal: Mapping[Modality, Float32] = field(default_factory=dict)
    recovery: RecoveryNote | None = None


def nothing_claimed(t0_ns: int, t1_ns: int) -> Prediction:
    """The reading of a window of which nothing is known: uniform, and abstained."""
    uniform = np.full(len(EMOTIONS), 1.0 / len(EMOTIONS), dtype=np.float32)
    sources: dict[Modality, Source] = dict.fromkeys(MODALITIES, "absent")
    return Prediction(t0_ns, t1_ns, uniform, None, None, 0.0, True, sources)


def pool_frames(
    frames: Iterable[FeatureFrame], t1_ns: int, dim: int, grid: TokenGrid
) -> tuple[Float32, Bool]:
    """Average feature frames into the bins of the window that ends at `t1_ns`.

    A frame belongs to the bin that holds its midpoint and to every bin whose centre it covers, so
    that a 40 ms frame lands in one bin and a spoken phrase in all the bins that it spans. Frames
    with quality 0 are left out.

    Args:
        frames: frames of one modality, any order.
        t1_ns: end of the window, session clock.
        dim: D, the length of each frame's values.
        grid: bins and their length.

    Returns:
        tokens (T, D) float32, zero in empty bins, and mask (T,) bool.
    """
    sums = np.zeros((grid.bins, dim), dtype=np.float64)
    counts = np.zeros(grid.bins, dtype=np.int64)
    trusted = [frame for frame in frames if frame.quality > 0.0]
    if trusted:
        half_ns = grid.bin_ns // 2
        begin = np.array([f.t_ns for f in trusted], dtype=np.int64) - (t1_ns - grid.window_ns)
        end = begin + np.array([f.duration_ns for f in trusted], dtype=np.int64)
        middle = (begin + end) // 2 // grid.bin_ns
        low = np.minimum(-((half_ns - begin) // grid.bin_ns), middle).clip(min=0)
        high = np.maximum((end - half_ns - 1) // grid.bin_ns, middle).clip(max=grid.bins - 1)
        for frame, lo, hi in zip(trusted, low.tolist(), high.tolist(), strict=True):
            if lo == hi:
                sums[lo] += frame.values
                counts[lo] += 1
            elif lo < hi:
                sums[lo : hi + 1] += frame.values
                counts[lo : hi + 1] += 1
    mask = counts > 0
    tokens = np.zeros((grid.bins, dim), dtype=np.float32)
    tokens[mask] = (sums[mask] / counts[mask, None]).astype(np.float32)
    return tokens, mask
