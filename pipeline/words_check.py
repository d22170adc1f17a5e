"""Can the words of a stream be believed? By when they come, and by what the sound was like."""

from typing import Final

from ..stream.packet import NS_PER_MS, NS_PER_S, Packet
from .quality import Quality, QualityFlag

UNHEARD: Final = frozenset({QualityFlag.SILENT, QualityFlag.QUIET, QualityFlag.STUCK})
"""Flags of sound in which nobody can have spoken."""
LATE_NS: Final = 1500 * NS_PER_MS
"""Recognition that is further behind is late: its words will miss their windows."""
BABBLE_SHARE: Final = 0.5
"""Share of a phrase without anything to hear from which on it was made up."""
MEMORY_NS: Final = 30 * NS_PER_S


class WordsCheck:
    """Follows one participant's sound and words; reads no clock."""

    def __init__(self) -> None:
        self._unheard: list[tuple[int, int]] = []
        self._pending: set[QualityFlag] = set()

    def hear(self, packet: Packet, quality: Quality) -> None:
        """Take in a piece of sound.

        Args:
            packet: features of sound.
            quality: what was found in it.
        """
        if not quality.flags & UNHEARD:
            return
        t0_ns = packet.t_capture_ns
        if quality.since_ns is not None:
            t0_ns = min(t0_ns, quality.since_ns)
        last = self._unheard[-1] if self._unheard else (0, -1)
        if t0_ns <= last[1]:
            self._unheard[-1] = (min(last[0], t0_ns), max(last[1], packet.t_end_ns))
        else:
            self._unheard.append((t0_ns, packet.t_end_ns))
        oldest_ns = packet.t_end_ns - MEMORY_NS
        while self._unheard[0][1] < oldest_ns:
            self._unheard.pop(0)

    def babbles(self, t0_ns: int, t1_ns: int) -> bool:
        """Whether a phrase lies where there was nothing to hear; the stream is flagged for it."""
        end_ns = max(t1_ns, t0_ns + 1)
        unheard_ns = sum(max(0, min(b, end_ns) - max(a, t0_ns)) for a, b in self._unheard)
        made_up = unheard_ns > BABBLE_SHARE * (end_ns - t0_ns)
        if made_up:
            self._pending.add(QualityFlag.BABBLE)
        return made_up

    def missed(self) -> None:
        """A phrase came too late for every window that it belongs to."""
        self._pending.add(QualityFlag.LATE)

    def finding(self, progress: Packet) -> Quality:
        """Quality of the words so far.

        Args:
            progress: of kind "bound": how far the sound has been listened to, and when.
        """
        flags, self._pending = set(self._pending), set()
        lag_ns = progress.t_available_ns - progress.t_end_ns
        if lag_ns > LATE_NS:
            flags.add(QualityFlag.LATE)
        return Quality(frozenset(flags), {"lag_ms": lag_ns / NS_PER_MS})
