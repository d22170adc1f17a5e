"""Ways in which sound, pictures and tokens get worse, as pure and seeded functions.

Fault injection uses them on live media, training uses them to build robustness. Nothing here keeps
state: randomness comes from a generator that the caller seeds, or from an absolute position.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import signal

Float32 = NDArray[np.float32]
Image = NDArray[np.uint8]
Bool = NDArray[np.bool_]

NOISE_BLOCK: Final = 4096
"""Samples of `white_noise` that one generator makes."""


def rms(samples: Float32) -> float:
    """Root mean square of all values; 0 for an empty array."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0


def white_noise(first: int, count: int, seed: int) -> Float32:
    """Gaussian noise that depends on the absolute sample index only.

    However a stream is cut into chunks, and wherever reading starts, sample i gets the same value.

    Args:
        first: index of the first sample in the stream, >= 0.
        count: how many samples.
        seed: chooses the noise.

    Returns:
        (count,) float32, mean 0, variance 1.

    Raises:
        ValueError: first or count is negative.
    """
    if first < 0 or count < 0:
        raise ValueError(f"noise needs first >= 0 and count >= 0, not {first} and {count}")
    if count == 0:
        return np.zeros(0, dtype=np.float32)
    blocks = range(first // NOISE_BLOCK, (first + count - 1) // NOISE_BLOCK + 1)
    drawn: list[Float32] = [
        np.random.default_rng((seed, block)).standard_normal(NOISE_BLOCK, dtype=np.float32)
        for block in blocks
    ]
    start = first - blocks.start * NOISE_BLOCK
    noise: Float32 = np.concatenate(drawn)[start : start + count]
    return noise


def add_noise(samples: Float32, snr_db: float, rng: np.random.Generator) -> Float32:
    """Add white Gaussian noise at a signal-to-noise ratio relative to the array's own power.

    Args:
        samples: any shape float32: sound in [-1, 1], or features.
        snr_db: 10 log10(signal power / noise power), dB.
        rng: source of the noise.

    Returns:
        Same shape float32, not clipped; unchanged where the signal is all zero.
    """
    level = rms(samples) * 10.0 ** (-snr_db / 20.0)
    noise = rng.standard_normal(samples.shape, dtype=np.float32)
    noisy: Float32 = samples + np.float32(level) * noise
    return noisy


def overdrive(samples: Float32, gain: float) -> Float32:
    """Amplify by `gain` (a factor) and clip to [-1, 1], as an overdriven input does."""
    return np.clip(samples * np.float32(gain), -1.0, 1.0)


def mute_bursts(samples: Float32, share: float, burst: int, rng: np.random.Generator) -> Float32:
    """Silence random, whole bursts.

    Args:
        samples: (N,) float32.
        share: share of the bursts to silence, [0, 1].
        burst: length of a burst, samples.
        rng: chooses which.

    Returns:
        (N,) float32, zero in round(share * ceil(N / burst)) bursts.
    """
    bursts = -(-samples.size // burst)
    muted = np.zeros(bursts, dtype=np.bool_)
    muted[rng.permutation(bursts)[: round(share * bursts)]] = True
    silent = np.repeat(muted, burst)[: samples.size]
    return np.where(silent, np.float32(0.0), samples)


def low_pass(samples: Float32, cutoff_hz: float, rate_hz: int) -> Float32:
    """Take away what is above `cutoff_hz` with a causal Butterworth filter of order 8.

    Args:
        samples: (N,) float32.
        cutoff_hz: -3 dB point, Hz; 3400 is a telephone.
        rate_hz: sampling rate, Hz.

    Returns:
        (N,) float32.
    """
    sections = signal.butter(8, cutoff_hz, fs=rate_hz, output="sos")
    filtered: Float32 = signal.sosfilt(sections, samples).astype(np.float32)
    return filtered


def reverberate(
    samples: Float32, decay_s: float, rate_hz: int, rng: np.random.Generator
) -> Float32:
    """Put the sound into a room: exponentially decaying noise as impulse response.

    The direct path comes first and carries as much energy as the tail; the level is kept.

    Args:
        samples: (N,) float32.
        decay_s: time in which the tail falls by 60 dB (RT60), s.
        rate_hz: sampling rate, Hz.
        rng: draws the room.

    Returns:
        (N,) float32 of the same RMS.
    """
    times_s = np.arange(max(1, round(decay_s * rate_hz))) / rate_hz
    tail = rng.standard_normal(times_s.size) * 10.0 ** (-3.0 * times_s / decay_s)
    tail /= np.sqrt(np.sum(tail**2))
    response = np.concatenate(([1.0], tail))
    wet: Float32 = signal.fftconvolve(samples, response)[: samples.size].astype(np.float32)
    level = rms(wet)
    return wet if level == 0.0 else wet * np.float32(rms(samples) / level)


def blur(image: Image, sigma_px: float) -> Image:
    """Gaussian blur of (H, W, C) uint8; `sigma_px` is its standard deviation in pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), dtype=np.uint8)


def low_light(image: Image, exposure: float) -> Image:
    """Keep the share `exposure` in (0, 1] of the light of (H, W, C) uint8; dark detail is lost."""
    return np.asarray(np.rint(image * np.float32(exposure)), dtype=np.uint8)


def occlude(image: Image, share: float, rng: np.random.Generator) -> Image:
    """Hide a box of about `share` of the area under mid grey, somewhere inside the image.

    Args:
        image: (H, W, C) uint8.
        share: of the area, [0, 1].
        rng: places the box.

    Returns:
        (H, W, C) uint8, a copy.
    """
    height, width = image.shape[:2]
    rows, columns = round(height * share**0.5), round(width * share**0.5)
    top = int(rng.integers(height - rows + 1))
    left = int(rng.integers(width - columns + 1))
    covered = image.copy()
    covered[top : top + rows, left : left + columns] = 128
    return covered


def image_noise(image: Image, sigma: float, rng: np.random.Generator) -> Image:
    """Add Gaussian noise with a standard deviation of `sigma` grey levels to (H, W, C) uint8."""
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(sigma)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def impulse_noise(image: Image, share: float, rng: np.random.Generator) -> Image:
    """Turn about `share` of the pixels of (H, W, C) uint8 black or white (salt and pepper)."""
    height, width = image.shape[:2]
    drawn = rng.random((height, width))
    spoilt = image.copy()
    spoilt[drawn < share / 2] = 0
    spoilt[drawn > 1 - share / 2] = 255
    return spoilt


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
