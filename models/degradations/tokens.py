"""Ways in which tokens go missing or wrong, as pure and seeded functions of arrays and masks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]


def random_missing(samples: int, modalities: int, rate: float, rng: np.random.Generator) -> Bool:
    """Whole-modality missing pattern where every sample keeps at least one modality.

    One kept modality is drawn per sample, then cells are taken among the others until the rate is
    met, which is the protocol of GCNet (Lian et al. 2023). The realised rate is exact up to
    rounding to whole cells.

    Args:
        samples: B.
        modalities: M.
        rate: share of the B x M cells that are missing, at most (M - 1) / M.
        rng: draws the pattern.

    Returns:
        (B, M) bool, True where present.

    Raises:
        ValueError: the rate cannot be met while keeping one modality each.
    """
    missing = round(rate * samples * modalities)
    if not 0 <= missing <= samples * (modalities - 1):
        raise ValueError(
            f"rate {rate} is outside [0, {modalities - 1}/{modalities}]: "
            "each sample keeps one modality"
        )
    optional = np.ones((samples, modalities), dtype=np.bool_)
    optional[np.arange(samples), rng.integers(modalities, size=samples)] = False
    present = np.ones(samples * modalities, dtype=np.bool_)
    present[rng.permutation(np.flatnonzero(optional))[:missing]] = False
    return present.reshape(samples, modalities)


def frame_drop(mask: Bool, rate: float, rng: np.random.Generator) -> Bool:
    """Lose each measured bin of a mask of any shape with probability `rate`; returns a copy."""
    return mask & (rng.random(mask.shape) >= rate)


def block_drop(mask: Bool, share: float, rng: np.random.Generator) -> Bool:
    """Lose one contiguous block of round(share * T) bins per row, each row on its own.

    Args:
        mask: (..., T) bool, True where measured.
        share: length of the block as a share of T, [0, 1].
        rng: places the blocks.

    Returns:
        (..., T) bool, a copy.
    """
    bins = mask.shape[-1]
    length = round(share * bins)
    starts = rng.integers(bins - length + 1, size=mask.shape[:-1])[..., None]
    places = np.arange(bins)
    inside = (places >= starts) & (places < starts + length)
    return mask & ~inside


def imbalanced_missing(samples: int, rates: Sequence[float], rng: np.random.Generator) -> Bool:
    """Whole-modality missing pattern with a rate for each modality, one kept per sample.

    Each modality loses exactly round(rate * B) samples. Rows that lost everything then take a
    modality from a row that has several, which leaves every rate as it is.

    Args:
        samples: B.
        rates: share of the samples that lose each modality, M numbers in [0, 1], such as a
            permutation of (.3, .5, .7).
        rng: draws the pattern.

    Returns:
        (B, M) bool, True where present.

    Raises:
        ValueError: a rate outside [0, 1], or too many losses to leave each sample one modality.
    """
    lost = [round(rate * samples) for rate in rates]
    if min(rates) < 0.0 or max(rates) > 1.0 or sum(lost) > samples * (len(rates) - 1):
        raise ValueError(
            f"rates {tuple(rates)} are outside [0, 1] or add up to more than {len(rates) - 1}: "
            "each sample keeps one modality"
        )
    present = np.ones((samples, len(rates)), dtype=np.bool_)
    for column, count in enumerate(lost):
        present[rng.permutation(samples)[:count], column] = False
    for row in np.flatnonzero(~present.any(axis=1)):
        rich = np.flatnonzero(present.sum(axis=1) > 1)
        giver = rng.choice(rich)
        column = rng.choice(np.flatnonzero(present[giver]))
        present[giver, column], present[row, column] = False, True
    return present


def token_noise(tokens: Float32, mask: Bool, snr_db: float, rng: np.random.Generator) -> Float32:
    """Add Gaussian noise to the measured tokens of each sample at a ratio to their own power.

    Args:
        tokens: (..., T, D) float32.
        mask: (..., T) bool, True where measured.
        snr_db: 10 log10(token power / noise power), dB; the expected, not the realised one.
        rng: source of the noise.

    Returns:
        (..., T, D) float32; what is not measured is left alone.
    """
    level = _token_rms(tokens, mask) * np.float32(10.0 ** (-snr_db / 20.0))
    noise = rng.standard_normal(tokens.shape, dtype=np.float32)
    return np.where(mask[..., None], tokens + level * noise, tokens).astype(np.float32)


def token_impulses(
    tokens: Float32, mask: Bool, snr_db: float, share: float, rng: np.random.Generator
) -> Float32:
    """Hit a share of the measured values with impulses of one height and random sign.

    The height follows from the ratio: share * height^2 = token power / 10^(snr / 10).

    Args:
        tokens: (..., T, D) float32.
        mask: (..., T) bool, True where measured.
        snr_db: 10 log10(token power / impulse power), dB; the expected, not the realised one.
        share: chance of each value to be hit, (0, 1].
        rng: chooses values and signs.

    Returns:
        (..., T, D) float32; what is not measured is left alone.

    Raises:
        ValueError: share outside (0, 1].
    """
    if not 0.0 < share <= 1.0:
        raise ValueError(f"share {share} of values hit is outside (0, 1]")
    height = _token_rms(tokens, mask) * np.float32(10.0 ** (-snr_db / 20.0) / share**0.5)
    hit = (rng.random(tokens.shape) < share) & mask[..., None]
    sign = np.where(rng.random(tokens.shape) < 0.5, np.float32(-1.0), np.float32(1.0))
    return np.where(hit, tokens + height * sign, tokens).astype(np.float32)


def _token_rms(tokens: Float32, mask: Bool) -> Float32:
    """RMS of the measured values of each sample, (..., 1, 1) float32; 0 where none is."""
    kept = mask[..., None]
    values = kept.sum(axis=(-2, -1), keepdims=True) * tokens.shape[-1]
    power = np.where(kept, np.square(tokens, dtype=np.float64), 0.0)
    total = power.sum(axis=(-2, -1), keepdims=True)
    level: Float32 = np.sqrt(total / np.maximum(values, 1)).astype(np.float32)
    return level


def late(mask: Bool, bins: int) -> Bool:
    """Hide the newest bins of each window: what is late keeps its time but has not come yet.

    Args:
        mask: (..., T) bool, True where measured.
        bins: how many of the last bins are hidden, >= 0.

    Returns:
        (..., T) bool, a copy.
    """
    return mask & (np.arange(mask.shape[-1]) < mask.shape[-1] - bins)


def strangers(samples: int, share: float, rng: np.random.Generator) -> Int64:
    """Whose tokens each sample gets when some get those of another: wrong text, wrong face.

    Args:
        samples: B.
        share: of the samples that get another's, [0, 1]; a single one has no other to swap with.
        rng: chooses who.

    Returns:
        (B,) int64 source of each sample; round(share * B) of them, or none for a single one, lie
        elsewhere, each source used once.
    """
    owner = np.arange(samples, dtype=np.int64)
    chosen = rng.permutation(samples)[: round(share * samples)]
    if chosen.size > 1:
        owner[chosen] = np.roll(chosen, 1)
    return owner
