"""Session times for live media that carry times of a clock of their own."""

from typing import Final

from .clock import ClockMap
from .packet import NS_PER_MS, NS_PER_S

SLACK_NS: Final = 20 * NS_PER_MS
"""Times within a run follow the source's own clock exactly; only when that has drifted so far from
the session's are they set right, so that jitter of the network makes no holes in sound."""
JUMP_NS: Final = 2 * NS_PER_S
"""A source whose own time jumps by more than this has begun anew."""
STALL_NS: Final = 250 * NS_PER_MS
"""A source of which for a second everything came so late has stood still meanwhile: a laptop slept,
a sender was starved. No path delays for so long without letting anything through sooner."""
LOOK_NS: Final = NS_PER_S


class ArrivalClock:
    """Places the media of one stream on the session clock.

    The least delay seen stands for the delay of the path, which nobody can see from here. So no
    piece is placed later than it arrived, but for `SLACK_NS`.
    """

    def __init__(self) -> None:
        self._map = ClockMap()
        self._epoch = 0
        self._media_ns: int | None = None
        self._shift_ns = 0
        self._look_ns = 0
        self._least_ns: int | None = None

    def place(self, media_ns: int, arrived_ns: int) -> int:
        """Session time of a piece.

        Args:
            media_ns: its time by its own clock.
            arrived_ns: session time at which it came.
        """
        last_ns = self._media_ns
        jumped = last_ns is not None and abs(media_ns - last_ns) > JUMP_NS
        fresh = last_ns is None or jumped or self._stood_still(media_ns, arrived_ns)
        if fresh and last_ns is not None:
            self._epoch += 1
        self._media_ns = media_ns
        self._map.observe(media_ns, arrived_ns, self._epoch)
        mapped_ns = self._map.to_session(media_ns)
        if fresh or abs(mapped_ns - media_ns - self._shift_ns) > SLACK_NS:
            self._shift_ns = mapped_ns - media_ns
        if media_ns + self._shift_ns > arrived_ns + SLACK_NS:
            self._shift_ns = arrived_ns - media_ns
        return media_ns + self._shift_ns

    def _stood_still(self, media_ns: int, arrived_ns: int) -> bool:
        late_ns = arrived_ns - media_ns - self._shift_ns
        self._least_ns = late_ns if self._least_ns is None else min(self._least_ns, late_ns)
        if arrived_ns - self._look_ns < LOOK_NS:
            return False
        least_ns, self._least_ns, self._look_ns = self._least_ns, None, arrived_ns
        return least_ns > STALL_NS
