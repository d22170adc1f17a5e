"""Filters for sound that comes in chunks, with explicit state.

They equal `low_pass` and `reverberate` on the whole stream, up to rounding and, for the room, up to
its level: a stream has no level of its own yet, so the room keeps it on average. scipy.signal is
imported where it is used, as it takes a second.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sound import Float32, room_response

State = NDArray[np.floating[Any]]


class LowPassFilter:
    """Butterworth low-pass of order 8.

    Args:
        cutoff_hz: -3 dB point, Hz.
        rate_hz: sampling rate, Hz.
    """

    def __init__(self, cutoff_hz: float, rate_hz: int) -> None:
        from scipy import signal

        self._sections = signal.butter(8, cutoff_hz, fs=rate_hz, output="sos")

    def initial_state(self) -> State:
        """State before the first sample: silence."""
        return np.zeros((len(self._sections), 2))

    def step(self, samples: Float32, state: State) -> tuple[Float32, State]:
        """Filter the next (N,) float32 samples; returns as many, and the next state."""
        from scipy import signal

        filtered, after = signal.sosfilt(self._sections, samples, zi=state)
        return filtered.astype(np.float32), after


class RoomFilter:
    """Reverberation by `room_response`.

    Args:
        decay_s: RT60, s.
        rate_hz: sampling rate, Hz.
        seed: draws the room.
    """

    def __init__(self, decay_s: float, rate_hz: int, seed: int) -> None:
        self._response = room_response(decay_s, rate_hz, np.random.default_rng(seed))

    def initial_state(self) -> State:
        """State before the first sample: silence."""
        return np.zeros(self._response.size - 1, np.float32)

    def step(self, samples: Float32, state: State) -> tuple[Float32, State]:
        """Filter the next (N,) float32 samples; returns as many, and the next state."""
        heard = np.concatenate([state, samples])
        from scipy import signal

        wet = signal.fftconvolve(heard, self._response, mode="valid")
        return wet.astype(np.float32), heard[samples.size :]
