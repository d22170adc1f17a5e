"""How often a stream delivers, learned from the stream itself."""

from collections import deque
from itertools import islice
from typing import Final

RECENT: Final = 15
SPAN: Final = 100
REGULAR: Final = 1.5
"""An interval longer than this many typical ones is irregular."""


class RateMeter:
    """Learns the typical interval of a stream and notices when it becomes slow.

    A stream is slow when its mean rate over 100 intervals falls below `least_share` of the rate
    over its first 100, or when its typical interval is long in itself. A stream whose own beginning
    is irregular (variable frame rate) is not compared with it: it has no nominal rate.

    Args:
        nominal_ns: interval to go by until two have been seen.
        least_share: share of the first rate below which the stream is slow.
        slowest_ns: typical interval from which on any stream is slow; None for none.
    """

    def __init__(
        self, nominal_ns: int, least_share: float = 0.9, slowest_ns: int | None = None
    ) -> None:
        self._least_share = least_share
        self._slowest_ns = slowest_ns
        self._span: deque[int] = deque(maxlen=SPAN)
        self._total_ns = 0
        self._baseline_ns: float | None = None
        self._learned = False
        self._typical_ns = nominal_ns

    def add(self, interval_ns: int) -> None:
        """Take in the interval between two observations; gaps are not intervals, leave them out."""
        if len(self._span) == SPAN:
            self._total_ns -= self._span[0]
        self._span.append(interval_ns)
        self._total_ns += interval_ns
        if len(self._span) >= 2:
            recent = sorted(islice(reversed(self._span), RECENT))
            self._typical_ns = recent[len(recent) // 2]
        if len(self._span) == SPAN and not self._learned:
            self._learned = True
            typical = sorted(self._span)[SPAN // 2]
            uneven = sum(interval > REGULAR * typical for interval in self._span)
            if uneven <= SPAN // 10:
                self._baseline_ns = self._total_ns / SPAN

    @property
    def typical_ns(self) -> int:
        """Median of the latest intervals, ns."""
        return self._typical_ns

    @property
    def share(self) -> float:
        """Present rate as a share of the first one; 1.0 while that is not known."""
        if self._baseline_ns is None or self._total_ns <= 0:
            return 1.0
        return self._baseline_ns * SPAN / self._total_ns

    @property
    def slow(self) -> bool:
        """Whether the stream delivers markedly less often than it used to, or too rarely at all."""
        crawls = self._slowest_ns is not None and self._typical_ns >= self._slowest_ns
        return self.share < self._least_share or crawls
