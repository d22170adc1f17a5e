"""Cuts each participant's feature frames into overlapping windows, by event time alone.

Window k ends at t1 = (k + 1) hop and covers [t1 - 3 s, t1]. It closes when every active audio and
face stream has delivered everything before t1, or a bounded wait after t1, whichever comes first.
Text never holds a window open. What comes after the close, but within its modality's grace, gives
the window anew with a higher revision; what comes later is counted and dropped. The hop is a whole
number of bins, so that the bins of all windows coincide.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import numpy as np

from ..models.features import (
    Bool,
    FeatureFrame,
    FeatureWindow,
    Float32,
    Modality,
    TokenGrid,
    pool_frames,
)
from ..stream.packet import NS_PER_MS, NS_PER_S

Reason = Literal["late", "duplicate", "masked", "nonfinite", "early", "before_start", "after_end"]
Admission = Literal["held"] | Reason


@dataclass(frozen=True, slots=True)
class WindowConfig:
    """How windows are cut and how long they wait.

    Attributes:
        grid: bins of a window.
        hop_ns: from one window's end to the next, a multiple of the bin.
        grace_ns: how long a window waits for audio and face after its end, and how old a frame of
            theirs may be.
        text_grace_ns: how old text may be.
        idle_ns: a stream whose watermark is further behind than this is no longer waited for.
        ahead_ns: how far beyond the next window a frame may lie; beyond, its clock is wrong.
    """

    grid: TokenGrid = field(default_factory=TokenGrid)
    hop_ns: int = 500 * NS_PER_MS
    grace_ns: int = 250 * NS_PER_MS
    text_grace_ns: int = 2 * NS_PER_S
    idle_ns: int = 500 * NS_PER_MS
    ahead_ns: int = 600 * NS_PER_S

    def __post_init__(self) -> None:
        if self.hop_ns <= 0 or self.hop_ns % self.grid.bin_ns:
            raise ValueError(
                f"hop_ns {self.hop_ns} is not a positive multiple of the bin, {self.grid.bin_ns} ns"
            )
        for name in ("grace_ns", "text_grace_ns", "idle_ns", "ahead_ns"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is negative: {getattr(self, name)}")

    @property
    def hop_bins(self) -> int:
        """Bins from one window's end to the next."""
        return self.hop_ns // self.grid.bin_ns

    def grace_of(self, modality: Modality) -> int:
        """How old a frame of the modality may be, ns."""
        return self.text_grace_ns if modality == "text" else self.grace_ns


@dataclass(frozen=True, slots=True, eq=False)
class ClosedWindow:
    """A window that is ready to be read.

    Attributes:
        window: its tokens.
        index: k, counted from 0 without holes; the window ends at (k + 1) hop.
        revision: 0 when first closed, one more each time late data changes it.
    """

    window: FeatureWindow
    index: int
    revision: int


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


@dataclass(slots=True, eq=False)
class _Held:
    frame: FeatureFrame
    low: int
    high: int
    used: bool = False

    @property
    def key(self) -> tuple[int, int]:
        return self.frame.t_ns, self.frame.duration_ns


class _Stretch(NamedTuple):
    t0_ns: int
    t1_ns: int

    def hits(self, frame: FeatureFrame) -> bool:
        end_ns = frame.t_ns + max(frame.duration_ns, 1)
        return frame.t_ns < self.t1_ns and end_ns > self.t0_ns


def bin_range(t_ns: int, duration_ns: int, bin_ns: int) -> tuple[int, int]:
    """First and last bin, counted from session start, that `pool_frames` puts a frame into."""
    half_ns = bin_ns // 2
    end_ns = t_ns + duration_ns
    first = -(-(t_ns - half_ns) // bin_ns)
    last = (end_ns - half_ns - 1) // bin_ns
    middle = (t_ns + end_ns) // 2 // bin_ns
    return min(first, middle), max(last, middle)


class _Track:
    """The frames of one modality that an open or revisable window may still need."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.active = True
        self.watermark_ns = 0
        self.dropped: Counter[Reason] = Counter()
        self._offered = 0
        self._used = 0
        self._held: list[_Held] = []
        self._stretches: list[_Stretch] = []

    def offer(self, frame: FeatureFrame) -> None:
        if frame.values.shape != (self.dim,):
            raise ValueError(
                f"a {frame.modality} frame has shape {frame.values.shape}, not ({self.dim},)"
            )
        self._offered += 1

    def refusal(self, frame: FeatureFrame) -> Reason | None:
        """Why the frame cannot be used whatever the time, if so."""
        if frame.quality <= 0.0 or any(stretch.hits(frame) for stretch in self._stretches):
            return "masked"
        if not np.isfinite(frame.values).all():
            return "nonfinite"
        key = (frame.t_ns, frame.duration_ns)
        at = bisect_left(self._held, key, key=lambda held: held.key)
        if at < len(self._held) and self._held[at].key == key:
            return "duplicate"
        return None

    def hold(self, held: _Held) -> None:
        # Sorted, so that sums over a bin do not depend on the order of arrival.
        insort(self._held, held, key=lambda other: other.key)

    def inside(self, first: int, end: int) -> Iterator[_Held]:
        return (held for held in self._held if held.low < end and held.high >= first)

    def use(self, first: int, end: int) -> None:
        for held in self.inside(first, end):
            self._used += not held.used
            held.used = True

    def mask(self, stretch: _Stretch) -> None:
        self._stretches.append(stretch)
        self._release((held for held in self._held if stretch.hits(held.frame)), "masked")

    def forget(self, before: int, before_ns: int) -> None:
        """Let go of what lies before a bin, and of masks before a time."""
        self._release((held for held in self._held if held.high < before), "late")
        self._stretches = [stretch for stretch in self._stretches if stretch.t1_ns > before_ns]

    def end(self) -> None:
        self._release(iter(self._held), "after_end")

    def _release(self, leaving: Iterable[_Held], reason: Reason) -> None:
        gone = {held.key: held for held in leaving}
        if not gone:
            return
        self.dropped[reason] += sum(not held.used for held in gone.values())
        self._held = [held for held in self._held if held.key not in gone]

    def statistics(self) -> WindowStatistics:
        pending = sum(not held.used for held in self._held)
        dropped = {reason: count for reason, count in self.dropped.items() if count}
        return WindowStatistics(self._offered, self._used, dropped, pending)


class Windower:
    """Gathers one participant's frames and gives windows when they are due.

    Pure: it reads no clock. The caller says what time it is; live that is the session clock, in a
    lossless replay the lowest watermark, since there a slow worker is not a late one. The result
    depends only on which frames arrive within their grace, not on their order; of two different
    frames with the same times the first one counts. Frames may be at most a window long for that.

    Args:
        participant: whose frames.
        config: how windows are cut.
        dims: the modalities of each window and the length of their values.
    """

    def __init__(
        self, participant: str, config: WindowConfig, dims: Mapping[Modality, int]
    ) -> None:
        self._participant = participant
        self._config = config
        self._tracks: Final = {modality: _Track(dim) for modality, dim in dims.items()}
        self._now_ns = 0
        self._next = 0
        self._oldest = 0
        self._revisions: dict[int, int] = {}
        self._dirty: set[int] = set()
        self._finished = False

    def add(self, frame: FeatureFrame) -> Admission:
        """Take a frame in.

        Args:
            frame: of this participant, any order.

        Returns:
            "held" when windows will use it, else the reason why it was dropped, which is counted.

        Raises:
            ValueError: the frame is not of this participant, modality set or length.
        """
        if frame.participant != self._participant:
            raise ValueError(f"a frame of {frame.participant!r}, not of {self._participant!r}")
        track = self._track(frame.modality)
        track.offer(frame)
        held = _Held(frame, *bin_range(frame.t_ns, frame.duration_ns, self._config.grid.bin_ns))
        reason = self._untimely(held) or track.refusal(frame)
        if reason is not None:
            track.dropped[reason] += 1
            return reason
        track.hold(held)
        self._dirty.update(self._closed_windows_of(held))
        return "held"

    def advance(self, modality: Modality, t_ns: int) -> None:
        """State that the modality's stream has delivered everything before `t_ns`."""
        track = self._track(modality)
        track.watermark_ns = max(track.watermark_ns, t_ns)

    def set_active(self, modality: Modality, active: bool) -> None:
        """Say whether to wait for a modality: not when it is disabled, lost or ended."""
        self._track(modality).active = active

    def mask(self, modality: Modality, t0_ns: int, t1_ns: int) -> None:
        """Take back all frames that touch [t0_ns, t1_ns), those still to come included.

        For faults that show only after a while. Windows that are already closed are not given anew
        for that, but should late data revise one, it is without these frames.
        """
        self._track(modality).mask(_Stretch(t0_ns, t1_ns))

    def poll(self, now_ns: int) -> list[ClosedWindow]:
        """Give the windows that are due at `now_ns`: revised ones first, each by time."""
        if self._finished:
            return []
        self._now_ns = max(self._now_ns, now_ns)
        windows = self._revise()
        while self._due(self._end_of(self._next)):
            windows.append(self._close())
        self._forget()
        return windows

    def finish(self, t_end_ns: int) -> list[ClosedWindow]:
        """End the session: give what is open up to `t_end_ns`, and refuse all frames from now on.

        A window that would end within half a bin after `t_end_ns` is given too.
        """
        if self._finished:
            return []
        windows = self._revise()
        while self._end_of(self._next) <= t_end_ns + self._config.grid.bin_ns // 2:
            windows.append(self._close())
        self._finished = True
        for track in self._tracks.values():
            track.end()
        return windows

    def statistics(self) -> Mapping[Modality, WindowStatistics]:
        """Counters per modality."""
        return {modality: track.statistics() for modality, track in self._tracks.items()}

    def _track(self, modality: Modality) -> _Track:
        if modality not in self._tracks:
            raise ValueError(f"modality {modality!r} is not one of {', '.join(self._tracks)}")
        return self._tracks[modality]

    def _end_of(self, index: int) -> int:
        return (index + 1) * self._config.hop_ns

    def _bins_of(self, index: int) -> tuple[int, int]:
        end = (index + 1) * self._config.hop_bins
        return end - self._config.grid.bins, end

    def _untimely(self, held: _Held) -> Reason | None:
        config, frame = self._config, held.frame
        if self._finished:
            return "after_end"
        if held.high < 0:
            return "before_start"
        if frame.t_ns > self._end_of(self._next) + config.ahead_ns:
            return "early"
        age_ns = self._now_ns - (frame.t_ns + frame.duration_ns)
        in_closed = held.low // config.hop_bins < self._next
        if in_closed and age_ns > config.grace_of(frame.modality):
            return "late"
        return None

    def _closed_windows_of(self, held: _Held) -> range:
        first = max(held.low // self._config.hop_bins, self._oldest)
        last = (held.high + self._config.grid.bins) // self._config.hop_bins - 1
        return range(first, min(last + 1, self._next))

    def _due(self, t1_ns: int) -> bool:
        if self._now_ns >= t1_ns + self._config.grace_ns:
            return True
        awaited = [
            track.watermark_ns
            for modality, track in self._tracks.items()
            if modality != "text"
            and track.active
            and self._now_ns - track.watermark_ns <= self._config.idle_ns
        ]
        return bool(awaited) and min(awaited) >= t1_ns

    def _close(self) -> ClosedWindow:
        index = self._next
        self._next += 1
        self._now_ns = max(self._now_ns, self._end_of(index))
        return self._build(index, 0)

    def _revise(self) -> list[ClosedWindow]:
        indices = sorted(self._dirty)
        self._dirty.clear()
        return [self._build(index, self._revisions[index] + 1) for index in indices]

    def _build(self, index: int, revision: int) -> ClosedWindow:
        self._revisions[index] = revision
        t1_ns = self._end_of(index)
        first, end = self._bins_of(index)
        values: dict[Modality, Float32] = {}
        mask: dict[Modality, Bool] = {}
        for modality, track in self._tracks.items():
            track.use(first, end)
            frames = (held.frame for held in track.inside(first, end))
            tokens, measured = pool_frames(frames, t1_ns, track.dim, self._config.grid)
            tokens[: max(0, -first)] = 0.0
            measured[: max(0, -first)] = False
            values[modality], mask[modality] = tokens, measured
        in_session = end - max(first, 0)
        coverage = {modality: float(mask[modality].sum()) / in_session for modality in mask}
        t0_ns = max(0, t1_ns - self._config.grid.window_ns)
        window = FeatureWindow(self._participant, t0_ns, t1_ns, values, mask, coverage)
        return ClosedWindow(window, index, revision)

    def _forget(self) -> None:
        """Drop what no open or revisable window needs; a frame within its grace finds all of it."""
        config = self._config
        reach_ns = max(config.grace_ns, config.text_grace_ns) + config.grid.window_ns
        revisable = -(-(self._now_ns - reach_ns) // config.hop_ns) - 1
        oldest = min(max(revisable, self._oldest), self._next)
        if oldest == self._oldest:
            return
        for index in range(self._oldest, oldest):
            self._revisions.pop(index, None)
        self._oldest = oldest
        first, _ = self._bins_of(oldest)
        for track in self._tracks.values():
            track.forget(first, first * config.grid.bin_ns - config.grid.window_ns)
