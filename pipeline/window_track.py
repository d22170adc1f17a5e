"""The feature frames of one modality that windows may still need, and the bins made of them.

A bin is averaged once for all windows that it is part of, and again when one of its frames comes or
goes. Its value is what `models.features.pool_frames` gives for it, to the last bit.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from ..models.features import Bool, FeatureFrame, Float32

Reason = Literal["late", "duplicate", "masked", "nonfinite", "early", "before_start", "after_end"]
Key = tuple[int, int]


class WindowStatistics(NamedTuple):
    """Frames of one modality: offered = used + sum of dropped + pending, at any time.

    Attributes:
        offered: frames given to `Windower.add`.
        used: frames that are part of at least one closed window.
        dropped: frames that are part of none and never will be, by reason.
        pending: frames whose first window is still open.
    """

    offered: int
    used: int
    dropped: Mapping[Reason, int]
    pending: int


def bin_range(t_ns: int, duration_ns: int, bin_ns: int) -> tuple[int, int]:
    """First and last bin, counted from session start, that `pool_frames` puts a frame into."""
    half_ns = bin_ns // 2
    end_ns = t_ns + duration_ns
    first = -(-(t_ns - half_ns) // bin_ns)
    last = (end_ns - half_ns - 1) // bin_ns
    middle = (t_ns + end_ns) // 2 // bin_ns
    return min(first, middle), max(last, middle)


class Held:
    """A frame, with the bins that it is part of.

    Args:
        frame: one that can be used.
        bin_ns: length of a bin.
    """

    __slots__ = ("frame", "high", "key", "low", "used")

    def __init__(self, frame: FeatureFrame, bin_ns: int) -> None:
        self.frame = frame
        self.low, self.high = bin_range(frame.t_ns, frame.duration_ns, bin_ns)
        self.key: Key = (frame.t_ns, frame.duration_ns)
        self.used = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """Session time in which frames are masked."""

    t0_ns: int
    t1_ns: int

    def hits(self, frame: FeatureFrame) -> bool:
        """Whether a frame touches it."""
        end_ns = frame.t_ns + max(frame.duration_ns, 1)
        return frame.t_ns < self.t1_ns and end_ns > self.t0_ns


class Track:
    """The frames of one modality that an open or revisable window may still need.

    Args:
        dim: D, length of each frame's values.

    Attributes:
        active: whether windows wait for it.
        watermark_ns: everything before it was delivered.
        dropped: frames that no window has used or will use.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.active = True
        self.watermark_ns = 0
        self.dropped: Counter[Reason] = Counter()
        self._offered = 0
        self._used = 0
        # Sorted by key, so that sums over a bin do not depend on the order of arrival.
        self._held: list[Held] = []
        self._keys: list[Key] = []
        self._stretches: list[Stretch] = []
        self._tokens: dict[int, Float32 | None] = {}

    def offer(self, frame: FeatureFrame) -> None:
        """Count a frame.

        Raises:
            ValueError: its values have another length.
        """
        if frame.values.shape != (self.dim,):
            raise ValueError(
                f"a {frame.modality} frame has shape {frame.values.shape}, not ({self.dim},)"
            )
        self._offered += 1

    def hold(self, held: Held) -> Reason | None:
        """Keep a frame, or say why it cannot be used whatever the time."""
        frame = held.frame
        if frame.quality <= 0.0 or any(stretch.hits(frame) for stretch in self._stretches):
            return "masked"
        if not np.isfinite(frame.values).all():
            return "nonfinite"
        keys = self._keys
        at = len(keys) if not keys or keys[-1] < held.key else bisect_left(keys, held.key)
        if at < len(keys) and keys[at] == held.key:
            return "duplicate"
        keys.insert(at, held.key)
        self._held.insert(at, held)
        self._spoil(held)
        return None

    def use(self, first: int, end: int) -> None:
        """Count the frames of bins [first, end) as used."""
        for held in self._held:
            if not held.used and held.low < end and held.high >= first:
                held.used = True
                self._used += 1

    def pool(self, first: int, end: int) -> tuple[Float32, Bool]:
        """Average frames into bins [first, end), counted from session start.

        Returns:
            tokens (T, D) float32, zero in empty bins and in those before the session, and mask
            (T,) bool.
        """
        tokens = np.zeros((end - first, self.dim), dtype=np.float32)
        mask = np.zeros(end - first, dtype=np.bool_)
        start = max(first, 0)
        new = [k for k in range(start, end) if k not in self._tokens]
        if new:
            self._average(new[0], new[-1] + 1)
        for k in range(start, end):
            token = self._tokens[k]
            if token is not None:
                tokens[k - first] = token
                mask[k - first] = True
        return tokens, mask

    def mask(self, stretch: Stretch) -> None:
        """Take back all frames that touch a stretch, those still to come included."""
        self._stretches.append(stretch)
        self._release([held for held in self._held if stretch.hits(held.frame)], "masked")

    def forget(self, before: int, before_ns: int) -> None:
        """Let go of what lies before a bin, and of masks before a time."""
        self._release([held for held in self._held if held.high < before], "late")
        self._stretches = [stretch for stretch in self._stretches if stretch.t1_ns > before_ns]
        self._tokens = {k: token for k, token in self._tokens.items() if k >= before}

    def end(self) -> None:
        """Let go of everything: no window comes any more."""
        self._release(self._held, "after_end")

    def statistics(self) -> WindowStatistics:
        """Where its frames went."""
        pending = sum(not held.used for held in self._held)
        dropped = {reason: count for reason, count in self.dropped.items() if count}
        return WindowStatistics(self._offered, self._used, dropped, pending)

    def _average(self, first: int, end: int) -> None:
        sums = np.zeros((end - first, self.dim), dtype=np.float64)
        counts = [0] * (end - first)
        for held in self._held:
            if held.low < end and held.high >= first:
                for k in range(max(held.low, first) - first, min(held.high + 1, end) - first):
                    sums[k] += held.frame.values
                    counts[k] += 1
        for k, count in enumerate(counts):
            token = (sums[k] / count).astype(np.float32) if count else None
            self._tokens[first + k] = token

    def _spoil(self, held: Held) -> None:
        span = range(held.low, held.high + 1)
        # A frame may claim any length.
        known = span if len(span) < len(self._tokens) else [k for k in self._tokens if k in span]
        for k in known:
            self._tokens.pop(k, None)

    def _release(self, leaving: Iterable[Held], reason: Reason) -> None:
        gone = {held.key: held for held in leaving}
        if not gone:
            return
        self.dropped[reason] += sum(not held.used for held in gone.values())
        for held in gone.values():
            self._spoil(held)
        self._held = [held for held in self._held if held.key not in gone]
        self._keys = [held.key for held in self._held]
