"""Clocks: whatever needs the time takes one. A wall-clock step reaches none of them."""

import time
from collections import deque
from typing import Final, Protocol

import numpy as np

from .errors import LocalError
from .packet import NS_PER_S


class Clock(Protocol):
    """Something that tells the time."""

    def now_ns(self) -> int:
        """Time in ns since an arbitrary start; it never goes back."""
        ...


class MonotonicClock:
    """The machine's monotonic clock, counted from when this object was made."""

    def __init__(self) -> None:
        self._start_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        """Time in ns since this clock was made."""
        return time.monotonic_ns() - self._start_ns


class ManualClock:
    """A clock that moves only when told to: for tests and for replay."""

    def __init__(self, now_ns: int = 0) -> None:
        """Start at a time."""
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """The time it was last set to."""
        return self._now_ns

    def advance(self, by_ns: int) -> None:
        """Move on.

        Raises:
            LocalError: `by_ns` is negative.
        """
        self.set(self._now_ns + by_ns)

    def set(self, now_ns: int) -> None:
        """Move to a later time.

        Raises:
            LocalError: the time lies in the past.
        """
        if now_ns < self._now_ns:
            raise LocalError(f"a clock does not go back from {self._now_ns} to {now_ns} ns")
        self._now_ns = now_ns


# One fit point per half second over two minutes: enough to resolve a few ppm at 5 ms of jitter,
# few enough to fit in microseconds.
_BUCKET_NS: Final = NS_PER_S // 2
_BUCKETS: Final = 240
_BUCKET_PAIRS: Final = 1024
_SKEW_BUCKETS: Final = 20
# No crystal is worse; a slope beyond it comes from too little data.
_MAX_SKEW: Final = 500e-6


class ClockMap:
    """Maps a remote clock to the session clock from pairs (sent, received).

    Network delay mostly adds, so the lower quartile of each half second stands for it: near the
    least delay where jitter is one-sided, near the middle where it is not. The skew is the median
    slope between points half the history apart, the offset the median of what is left, so a burst
    of late packets moves neither. Times that come out never go back within an epoch.
    """

    def __init__(self) -> None:
        self._epoch: int | None = None
        self._forget()

    def _forget(self) -> None:
        self._points: deque[tuple[int, int]] = deque(maxlen=_BUCKETS)
        self._bucket: int | None = None
        self._pairs: list[tuple[int, int]] = []
        self._skew = 0.0
        self._anchor: tuple[int, int] | None = None
        self._last: tuple[int, int] | None = None

    def observe(self, remote_ns: int, session_ns: int, epoch: int = 0) -> None:
        """Take one pair.

        Args:
            remote_ns: time on the remote clock when it sent.
            session_ns: time on the session clock when that arrived.
            epoch: restarts of the remote clock; a new one forgets everything before it, pairs of
                one that is over are passed by.
        """
        if self._epoch is None or epoch > self._epoch:
            self._epoch = epoch
            self._forget()
        if epoch < self._epoch:
            return
        bucket = session_ns // _BUCKET_NS
        if bucket != self._bucket and self._pairs:
            self._points.append(_lower_quartile(self._pairs))
            self._pairs = []
            self._fit(list(self._points))
        self._bucket = bucket
        if len(self._pairs) < _BUCKET_PAIRS:
            self._pairs.append((remote_ns, session_ns - remote_ns))
        if not self._points:
            self._fit([_lower_quartile(self._pairs)])

    def _fit(self, points: list[tuple[int, int]]) -> None:
        remote_0, offset_0 = points[0]
        x = np.array([remote - remote_0 for remote, _ in points], dtype=np.float64)
        y = np.array([offset - offset_0 for _, offset in points], dtype=np.float64)
        half = len(points) // 2
        if len(points) >= _SKEW_BUCKETS:
            dx, dy = x[half:] - x[: len(x) - half], y[half:] - y[: len(y) - half]
            rises = dx > 0
            slope = float(np.median(dy[rises] / dx[rises])) if rises.any() else 0.0
            self._skew = min(_MAX_SKEW, max(-_MAX_SKEW, slope))
        self._anchor = (remote_0, offset_0 + round(float(np.median(y - self._skew * x))))

    def to_session(self, remote_ns: int) -> int:
        """Map a remote time.

        Times may be asked in any order; one at or after the latest asked so far never maps to
        before that one's session time, even while the fit moves.

        Raises:
            LocalError: nothing was observed yet.
        """
        if self._anchor is None:
            raise LocalError("the clock map has seen no pair of times yet")
        remote_0, offset = self._anchor
        mapped = remote_ns + offset + round(self._skew * (remote_ns - remote_0))
        if self._last is None or remote_ns >= self._last[0]:
            mapped = mapped if self._last is None else max(mapped, self._last[1])
            self._last = (remote_ns, mapped)
        return mapped

    @property
    def skew_ppm(self) -> float:
        """How much slower than the session clock the remote one runs, in parts per million."""
        return self._skew * 1e6


def _lower_quartile(pairs: list[tuple[int, int]]) -> tuple[int, int]:
    return sorted(pairs, key=lambda pair: pair[1])[len(pairs) // 4]
