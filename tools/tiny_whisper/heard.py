"""Speech as a microphone in a room might give it."""

from typing import Final

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import fftconvolve, resample_poly

from .speech import RATE_HZ, Float32, Utterance

CUT: Final = 0.35
WORDLESS: Final = 0.05
_SPEEDS: Final = ((1, 1), (1, 1), (20, 19), (19, 20), (10, 9), (9, 10))


def heard(utterance: Utterance, rng: np.random.Generator) -> Utterance:
    """The utterance later, softer, faster, in a room, with noise, perhaps not yet over.

    Args:
        utterance: clean.
        rng: chooses all that.

    Returns:
        what is heard; now and then there is nothing but noise.
    """
    if rng.random() < WORDLESS:
        empty = np.zeros(int(rng.integers(RATE_HZ // 2, 3 * RATE_HZ)), dtype=np.float32)
        return Utterance(_noisy(empty, rng), (), ())
    utterance = _faster(utterance, rng)
    if rng.random() < CUT:
        utterance = utterance.until(rng.uniform(0.3, 1.0) * utterance.length_s)
    before, after = rng.integers(0, (RATE_HZ * 6 // 10, RATE_HZ // 2))
    samples = np.pad(utterance.samples, (before, after)) * np.float32(rng.uniform(0.1, 1.6))
    begin_s = before / RATE_HZ
    spans = tuple((start + begin_s, end + begin_s) for start, end in utterance.spans_s)
    return Utterance(_noisy(_in_room(samples, rng), rng), utterance.words, spans)


def _faster(utterance: Utterance, rng: np.random.Generator) -> Utterance:
    up, down = _SPEEDS[rng.integers(len(_SPEEDS))]
    if up == down:
        return utterance
    samples = np.asarray(resample_poly(utterance.samples, up, down), dtype=np.float32)
    spans = tuple((a * up / down, b * up / down) for a, b in utterance.spans_s)
    return Utterance(samples, utterance.words, spans)


def _in_room(samples: Float32, rng: np.random.Generator) -> Float32:
    """Echoes, and the colour of a loudspeaker or a cheap microphone."""
    if rng.random() < 0.4:
        length = int(rng.integers(RATE_HZ // 40, RATE_HZ // 4))
        tail = rng.standard_normal(length) * np.exp(-5.0 * np.arange(length) / length)
        tail *= rng.uniform(0.1, 0.8) / np.sqrt((tail**2).sum())
        tail[0] = 1.0
        samples = fftconvolve(samples, tail.astype(np.float32))[: len(samples)]
    return _coloured(samples, rng.uniform(-6.0, 6.0), rng) if rng.random() < 0.6 else samples


def _coloured(samples: Float32, slope_db: float, rng: np.random.Generator) -> Float32:
    """Tilted by so many dB per decade of frequency, and often cut off above."""
    length = next_fast_len(len(samples), real=True)
    hz = rfftfreq(length, 1 / RATE_HZ).astype(np.float32)
    gain = np.maximum(hz / 1000, 0.05) ** np.float32(slope_db / 20)
    if rng.random() < 0.4:
        gain *= hz < rng.uniform(3400, 8000)
    if rng.random() < 0.4:
        gain *= hz > rng.uniform(50, 250)
    bent: Float32 = irfft(rfft(samples, length) * gain, length)[: len(samples)]
    return bent


def _noisy(samples: Float32, rng: np.random.Generator) -> Float32:
    level = 10 ** rng.uniform(-5.0, -1.8)
    noise = rng.standard_normal(len(samples), dtype=np.float32)
    noise = _coloured(noise, rng.uniform(-20.0, 6.0), rng)
    noise *= np.float32(level) / np.maximum(np.sqrt((noise**2).mean()), 1e-9)
    return np.clip(samples + noise, -1, 1)
