"""Cuts each participant's feature frames into overlapping windows, by event time alone.

Window k ends at t1 = (k + 1) hop and covers [t1 - 3 s, t1]. It closes when every active audio and
face stream has delivered everything before t1, or a bounded wait after t1, whichever comes first.
Text never holds a window open. What comes after the close, but within its modality's grace, gives
the window anew with a higher revision; what comes later is counted and dropped. The hop is a whole
number of bins, so that the bins of all windows coincide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ..models.features import Bool, FeatureFrame, FeatureWindow, Float32, Modality, TokenGrid
from ..stream.packet import NS_PER_MS, NS_PER_S
from .window_track import Held, Reason, Stretch, Track, WindowStatistics

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
        start_ns: there are no windows that end before.
    """

    def __init__(
        self,
        participant: str,
        config: WindowConfig,
        dims: Mapping[Modality, int],
        start_ns: int = 0,
    ) -> None:
        self._participant = participant
        self._config = config
        self._tracks: Final = {modality: Track(dim) for modality, dim in dims.items()}
        self._awaited: Final = [t for modality, t in self._tracks.items() if modality != "text"]
        self._reach_ns: Final = max(config.grace_ns, config.text_grace_ns) + config.grid.window_ns
        self._now_ns = start_ns
        self._next = self._oldest = start_ns // config.hop_ns
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
        held = Held(frame, self._config.grid.bin_ns)
        reason = self._untimely(held) or track.hold(held)
        if reason is not None:
            track.dropped[reason] += 1
            return reason
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
        self._track(modality).mask(Stretch(t0_ns, t1_ns))

    def poll(self, now_ns: int) -> list[ClosedWindow]:
        """Give the windows that are due at `now_ns`: revised ones first, each by time."""
        if self._finished:
            return []
        self._now_ns = max(self._now_ns, now_ns)
        windows = self._revise() if self._dirty else []
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

    def _track(self, modality: Modality) -> Track:
        if modality not in self._tracks:
            raise ValueError(f"modality {modality!r} is not one of {', '.join(self._tracks)}")
        return self._tracks[modality]

    def _end_of(self, index: int) -> int:
        return (index + 1) * self._config.hop_ns

    def _bins_of(self, index: int) -> tuple[int, int]:
        end = (index + 1) * self._config.hop_bins
        return end - self._config.grid.bins, end

    def _untimely(self, held: Held) -> Reason | None:
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

    def _closed_windows_of(self, held: Held) -> range:
        first = max(held.low // self._config.hop_bins, self._oldest)
        last = (held.high + self._config.grid.bins) // self._config.hop_bins - 1
        return range(first, min(last + 1, self._next))

    def _due(self, t1_ns: int) -> bool:
        if self._now_ns >= t1_ns + self._config.grace_ns:
            return True
        oldest_ns = self._now_ns - self._config.idle_ns
        waiting = False
        for track in self._awaited:
            if track.active and track.watermark_ns >= oldest_ns:
                if track.watermark_ns < t1_ns:
                    return False
                waiting = True
        return waiting

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
            values[modality], mask[modality] = track.pool(first, end)
        in_session = end - max(first, 0)
        coverage = {modality: float(mask[modality].sum()) / in_session for modality in mask}
        t0_ns = max(0, t1_ns - self._config.grid.window_ns)
        window = FeatureWindow(self._participant, t0_ns, t1_ns, values, mask, coverage)
        return ClosedWindow(window, index, revision)

    def _forget(self) -> None:
        """Drop what no open or revisable window needs; a frame within its grace finds all of it."""
        config = self._config
        old_ns = self._now_ns - self._reach_ns
        if old_ns <= self._end_of(self._oldest) or self._oldest == self._next:
            return
        oldest = min(-(-old_ns // config.hop_ns) - 1, self._next)
        for index in range(self._oldest, oldest):
            self._revisions.pop(index, None)
        self._oldest = oldest
        first, _ = self._bins_of(oldest)
        for track in self._tracks.values():
            track.forget(first, first * config.grid.bin_ns - config.grid.window_ns)
