"""Streaming prosody: pitch, voicing and loudness every 10 ms.

Pitch follows Boersma (1993): the autocorrelation of a tapered window divided by that of the taper,
its highest peak between 60 and 500 Hz with a slight preference for high pitch, refined by a
parabola. There is no search over paths, so nothing looks ahead.
"""

from functools import cache
from typing import Final

import numpy as np
import scipy.fft

from .audio_blocks import (
    HOP,
    SAMPLE_RATE_HZ,
    BlockState,
    check_samples,
    cut_blocks,
    hop_windows,
    initial_block_state,
    whole_hops,
)
from .audio_features import stack_hops
from .features import Float32

WINDOW: Final = 640
FFT: Final = 1024
LOWEST_HZ: Final = 60.0
HIGHEST_HZ: Final = 500.0
COLUMNS: Final = ("f0_hz", "voicing", "energy_db")
VOICED: Final = 0.5
"""Least height of the normalised autocorrelation peak that counts as voiced."""
QUIET_DB: Final = -65.0
"""Level below which a window is never voiced, dB of full scale."""
OCTAVE_COST: Final = 0.04
"""Height that a peak loses per octave below the highest pitch; keeps f0 from falling to f0 / 2."""
FLOOR_DB: Final = -100.0
SHORTEST: Final = int(SAMPLE_RATE_HZ / HIGHEST_HZ)
LONGEST: Final = int(SAMPLE_RATE_HZ / LOWEST_HZ)


@cache
def _taper() -> Float32:
    return np.asarray(np.hanning(WINDOW + 1)[:-1], np.float32)


def _autocorrelation(windows: Float32) -> Float32:
    """Autocorrelation at lags 0..LONGEST + 1, shape (hops, LONGEST + 2).

    FFT >= WINDOW + LONGEST + 2, so no lag wraps around.
    """
    spectrum = scipy.fft.rfft(windows, FFT, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    lags: Float32 = scipy.fft.irfft(power, FFT, axis=1)[:, : LONGEST + 2]
    return lags


@cache
def _taper_autocorrelation() -> Float32:
    lags = _autocorrelation(_taper()[None])
    return np.asarray(lags / lags[:, :1], np.float32)


@cache
def _lag_cost() -> Float32:
    lags = np.arange(SHORTEST, LONGEST + 1)
    return np.asarray(OCTAVE_COST * np.log2(lags / SHORTEST), np.float32)


def _best_lag(height: Float32) -> tuple[Float32, Float32]:
    """Highest peak of each row of (hops, LONGEST + 2): its lag in samples and its height.

    Every peak is refined by a parabola before they are compared; at high pitch the lag between
    two samples would otherwise lose to its double.
    """
    before = height[:, SHORTEST - 1 : LONGEST]
    at = height[:, SHORTEST : LONGEST + 1]
    after = height[:, SHORTEST + 1 : LONGEST + 2]
    bend = np.minimum(before - 2.0 * at + after, -1e-6)
    shift = np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
    top = at - 0.25 * (before - after) * shift
    peaks = np.where((at >= before) & (at >= after), top - _lag_cost(), -1.0)
    best = np.argmax(peaks, axis=1)
    rows = np.arange(len(height))
    found = peaks[rows, best] > 0.0
    lag = (best + SHORTEST + shift[rows, best]).astype(np.float32)
    return lag, np.where(found, top[rows, best], 0.0)


def prosody(windows: Float32) -> Float32:
    """Pitch, voicing and loudness of each window.

    Args:
        windows: (hops, WINDOW) float32 samples, full scale +-1.

    Returns:
        (hops, 3) float32: f0 in Hz, 0 where unvoiced, else within [60, 500]; voicing in [0, 1],
        the height of the autocorrelation peak; energy in dB of full scale, at least -100.
    """
    centred = windows - windows.mean(axis=1, keepdims=True)
    power = np.mean(centred**2, axis=1)
    energy_db = np.maximum(10.0 * np.log10(power + 1e-12), FLOOR_DB)
    lags = _autocorrelation(centred * _taper())
    height = lags / (lags[:, :1] + 1e-12) / _taper_autocorrelation()
    lag, strength = _best_lag(height)
    voicing = np.clip(strength, 0.0, 1.0)
    voicing = np.where(energy_db > QUIET_DB, voicing, 0.0)
    f0_hz = np.where(voicing >= VOICED, SAMPLE_RATE_HZ / lag, 0.0)
    return np.asarray(np.stack([f0_hz, voicing, energy_db], axis=1), np.float32)


class Prosody:
    """Streaming prosody extractor; it holds no state of its own."""

    def initial_state(self) -> BlockState:
        """State at the start of a stream."""
        return initial_block_state(WINDOW - HOP)

    def step(self, samples: Float32, state: BlockState) -> tuple[Float32, BlockState]:
        """Extract every whole block of four hops.

        Args:
            samples: (N,) float32 at 16 kHz, full scale +-1.
            state: from `initial_state` or the step before.

        Returns:
            (hops, 3) float32 as `prosody` gives, hops a multiple of four, and the next state.

        Raises:
            ValueError: samples of the wrong form or not finite.
        """
        blocks, state = cut_blocks(samples, state)
        values = [prosody(hop_windows(block, WINDOW)) for block in blocks]
        return stack_hops(values, len(COLUMNS)), state

    def whole(self, samples: Float32) -> Float32:
        """Extract a whole recording fast; equal to `step` within rounding.

        Args:
            samples: (N,) float32.

        Returns:
            (N // HOP, 3) float32.

        Raises:
            ValueError: samples of the wrong form or not finite.
        """
        pieces = [prosody(w) for w in whole_hops(check_samples(samples), WINDOW)]
        return stack_hops(pieces, len(COLUMNS))
