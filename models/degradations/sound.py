"""Ways in which sound gets worse, as pure and seeded functions.

Nothing here keeps state: randomness comes from a generator that the caller seeds, or from an
absolute position, so that a stream may be cut anywhere. scipy.signal is imported where it is used:
it takes a second, and most programs never damage a sound.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

NOISE_BLOCK: Final = 4096
"""Samples of `white_noise` or `pink_noise` that one generator makes."""


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
    return _from_blocks(
        first,
        count,
        lambda block: np.random.default_rng((seed, block)).standard_normal(
            NOISE_BLOCK, dtype=np.float32
        ),
    )


def pink_noise(first: int, count: int, seed: int) -> Float32:
    """As `white_noise`, with power that falls by 3 dB per octave above 30 Hz at 16 kHz.

    Raises:
        ValueError: first or count is negative.
    """
    return _from_blocks(
        first,
        count,
        lambda block: coloured_noise(NOISE_BLOCK, 3.0, np.random.default_rng((seed, block))),
    )


def _from_blocks(first: int, count: int, make: Callable[[int], Float32]) -> Float32:
    """Samples first..first + count of a stream made of blocks of `NOISE_BLOCK`."""
    if first < 0 or count < 0:
        raise ValueError(f"noise needs first >= 0 and count >= 0, not {first} and {count}")
    if count == 0:
        return np.zeros(0, dtype=np.float32)
    blocks = range(first // NOISE_BLOCK, (first + count - 1) // NOISE_BLOCK + 1)
    start = first - blocks.start * NOISE_BLOCK
    noise: Float32 = np.concatenate([make(block) for block in blocks])[start : start + count]
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
    from scipy import signal

    sections = signal.butter(8, cutoff_hz, fs=rate_hz, output="sos")
    filtered: Float32 = signal.sosfilt(sections, samples).astype(np.float32)
    return filtered


def room_response(decay_s: float, rate_hz: int, rng: np.random.Generator) -> Float32:
    """Impulse response of a room: the direct path, then exponentially decaying noise.

    Both carry the same energy, and together one, so that the level is kept on average.

    Args:
        decay_s: time in which the tail falls by 60 dB (RT60), s.
        rate_hz: sampling rate, Hz.
        rng: draws the room.

    Returns:
        (K,) float32 with K = 1 + decay_s * rate_hz.
    """
    times_s = np.arange(max(1, round(decay_s * rate_hz))) / rate_hz
    tail = rng.standard_normal(times_s.size) * 10.0 ** (-3.0 * times_s / decay_s)
    tail /= np.sqrt(np.sum(tail**2))
    return np.asarray(np.concatenate(([1.0], tail)) / np.sqrt(2.0), np.float32)


def reverberate(
    samples: Float32, decay_s: float, rate_hz: int, rng: np.random.Generator
) -> Float32:
    """Put the sound into the room of `room_response`; the level is kept.

    Args:
        samples: (N,) float32.
        decay_s: time in which the tail falls by 60 dB (RT60), s.
        rate_hz: sampling rate, Hz.
        rng: draws the room.

    Returns:
        (N,) float32 of the same RMS.
    """
    from scipy import signal

    response = room_response(decay_s, rate_hz, rng)
    wet: Float32 = signal.fftconvolve(samples, response)[: samples.size].astype(np.float32)
    level = rms(wet)
    return wet if level == 0.0 else wet * np.float32(rms(samples) / level)


def active_rms(samples: Float32, rate_hz: int) -> float:
    """Level of the active parts: RMS over the pieces of 20 ms within 30 dB of the loudest.

    Pauses say nothing about how loud somebody speaks; a ratio to the level of a whole clip would
    mean less noise the longer its silences are.

    Args:
        samples: (N,) float32.
        rate_hz: sampling rate, Hz.

    Returns:
        level relative to full scale; 0 for silence, `rms` for less than one piece.
    """
    piece = rate_hz // 50
    whole = samples.size // piece * piece
    if whole == 0:
        return rms(samples)
    power = np.mean(np.square(samples[:whole].reshape(-1, piece), dtype=np.float64), axis=1)
    return float(np.sqrt(power[power >= power.max() * 1e-3].mean()))


def add_background(samples: Float32, noise: Float32, snr_db: float, rate_hz: int) -> Float32:
    """Lay a background under speech at a ratio to the level of its active parts.

    Args:
        samples: (N,) float32 speech.
        noise: (N,) float32 background of any level.
        snr_db: 10 log10(power of active speech / power of the background), dB.
        rate_hz: sampling rate, Hz.

    Returns:
        (N,) float32, not clipped; unchanged where either is silent.

    Raises:
        ValueError: lengths differ.
    """
    if samples.shape != noise.shape:
        raise ValueError(f"speech {samples.shape} and background {noise.shape} differ in length")
    level = rms(noise)
    if level == 0.0:
        return samples.copy()
    gain = active_rms(samples, rate_hz) * 10.0 ** (-snr_db / 20.0) / level
    return np.asarray(samples + np.float32(gain) * noise, np.float32)


def coloured_noise(count: int, slope_db: float, rng: np.random.Generator) -> Float32:
    """Gaussian noise whose power falls by `slope_db` per octave: 0 white, 3 pink, 6 brown.

    Args:
        count: how many samples, > 0.
        slope_db: fall per octave, dB, >= 0; below 8 bins of the spectrum it is flat.
        rng: source of the noise.

    Returns:
        (count,) float32, variance 1.
    """
    spectrum = np.fft.rfft(rng.standard_normal(count))
    tilt = slope_db / (20.0 * np.log10(2.0))
    noise = np.fft.irfft(spectrum / np.maximum(np.arange(spectrum.size), 8.0) ** tilt, count)
    return np.asarray(noise / max(float(noise.std()), 1e-12), np.float32)


def babble(voices: Sequence[Float32], count: int, rng: np.random.Generator) -> Float32:
    """Several people talking at once, from recordings that the caller gives.

    Each voice is brought to the same level, begins at a random place and is repeated as needed.

    Args:
        voices: (N_i,) float32 each, not the speech that is to be disturbed; silent ones are left
            out.
        count: how many samples.
        rng: places the voices.

    Returns:
        (count,) float32 with an RMS of about 1.

    Raises:
        ValueError: no voice with any sound.
    """
    heard = [v for v in voices if v.size and rms(v) > 0.0]
    if not heard:
        raise ValueError("babble needs at least one voice that is not silent")
    mixed = np.zeros(count, np.float32)
    for voice in heard:
        begin = int(rng.integers(voice.size))
        mixed += np.resize(np.roll(voice, -begin), count) / np.float32(rms(voice))
    return np.asarray(mixed / np.float32(np.sqrt(len(heard))), np.float32)


def muted_at(first: int, count: int, share: float, burst: int, seed: int) -> Bool:
    """Which samples of a stream lie in a muted burst; depends on their absolute index only.

    Args:
        first: index of the first sample in the stream, >= 0.
        count: how many samples.
        share: chance of each burst to be muted, [0, 1].
        burst: length of a burst, samples.
        seed: chooses the bursts.

    Returns:
        (count,) bool, True where silent.

    Raises:
        ValueError: first or count is negative.
    """
    if first < 0 or count < 0:
        raise ValueError(f"bursts need first >= 0 and count >= 0, not {first} and {count}")
    number = np.arange(first, first + count) // burst
    numbers, where = np.unique(number, return_inverse=True)
    muted = np.array([np.random.default_rng((seed, int(n))).random() < share for n in numbers])
    return np.asarray(muted[where] if count else np.zeros(0), np.bool_)
