"""Streaming log-mel energies: 25 ms windows every 10 ms, 64 bands, 16 kHz.

The window of hop j ends with the last sample of that hop, so nothing looks ahead.
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
from .features import Float32

WINDOW: Final = 400
FFT: Final = 1024
MELS: Final = 64
LOWEST_HZ: Final = 50.0
HIGHEST_HZ: Final = 7600.0
POWER_FLOOR: Final = 1e-8
"""Mean power per band below which nothing is heard; about -80 dB of full scale."""


def hz_to_mel(hz: Float32) -> Float32:
    """Frequency in Hz to mel (O'Shaughnessy 1987), any shape."""
    return np.asarray(2595.0 * np.log10(1.0 + hz / 700.0), np.float32)


def mel_to_hz(mel: Float32) -> Float32:
    """Mel to frequency in Hz, any shape."""
    return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0), np.float32)


@cache
def mel_matrix() -> Float32:
    """Triangular filters, each summing to 1 over the bins, shape (FFT // 2 + 1, MELS) float32."""
    ends = hz_to_mel(np.array([LOWEST_HZ, HIGHEST_HZ], np.float32))
    edges = mel_to_hz(np.linspace(ends[0], ends[1], MELS + 2, dtype=np.float32))
    bins = np.linspace(0.0, SAMPLE_RATE_HZ / 2, FFT // 2 + 1, dtype=np.float32)[:, None]
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0.0, np.minimum(rise, fall))
    return np.ascontiguousarray(filters / filters.sum(axis=0), np.float32)


@cache
def _taper() -> Float32:
    """Hann window scaled so that a full-scale sine has power 0.5 in its bins together."""
    hann = np.hanning(WINDOW + 1)[:-1]
    return np.asarray(hann / np.sqrt(FFT * np.mean(hann**2) * WINDOW / 2), np.float32)


def log_mel(windows: Float32) -> Float32:
    """Natural logarithm of the mean power in each band.

    Args:
        windows: (hops, WINDOW) float32 samples.

    Returns:
        (hops, MELS) float32, at least log(POWER_FLOOR) = -18.4.
    """
    spectrum = scipy.fft.rfft(windows * _taper(), FFT, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(np.log(power @ mel_matrix() * MELS + POWER_FLOOR), np.float32)


class LogMel:
    """Streaming log-mel extractor; it holds no state of its own."""

    def initial_state(self) -> BlockState:
        """State at the start of a stream."""
        return initial_block_state(WINDOW - HOP)

    def step(self, samples: Float32, state: BlockState) -> tuple[Float32, BlockState]:
        """Extract every whole block of four hops.

        Args:
            samples: (N,) float32 at 16 kHz, full scale +-1.
            state: from `initial_state` or the step before.

        Returns:
            (hops, MELS) float32 with hops a multiple of four, and the next state.

        Raises:
            ValueError: samples of the wrong form or not finite.
        """
        blocks, state = cut_blocks(samples, state)
        values = [log_mel(hop_windows(block, WINDOW)) for block in blocks]
        return stack_hops(values, MELS), state

    def whole(self, samples: Float32) -> Float32:
        """Extract a whole recording fast; equal to `step` within rounding.

        Args:
            samples: (N,) float32.

        Returns:
            (N // HOP, MELS) float32.

        Raises:
            ValueError: samples of the wrong form or not finite.
        """
        return stack_hops([log_mel(w) for w in whole_hops(check_samples(samples), WINDOW)], MELS)


def stack_hops(values: list[Float32], columns: int) -> Float32:
    """Join pieces (hops, columns) along time; an empty list gives (0, columns)."""
    return np.concatenate(values) if values else np.zeros((0, columns), np.float32)
