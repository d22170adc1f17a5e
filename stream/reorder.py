"""Puts packets of a lossy network back into order, and gives up on lost ones soon.

aiortc's own buffer for sound holds sixteen packets and, at each loss, waits for what will never
come until it is full: at 5 % loss it delivers 76 %, at 20 % 29 %. Here a gap is waited for only
until a packet from a few places further on has come.
"""

from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")

DEPTH: Final = 4
"""Places by which a packet may overtake another: 80 ms of sound, more than paths reorder by."""
RESTART: Final = 500
"""A jump of the number by more than this, either way, is a source that began anew."""
_TURN: Final = 1 << 16


class ReorderStatistics(NamedTuple):
    """Counters; received = released + dropped + held, always.

    Attributes:
        received: packets pushed.
        released: packets given out.
        dropped: packets that came after their place was given up, or twice.
        held: packets that wait.
        skipped: places that were given up; what filled one too late counts as dropped too.
    """

    received: int
    released: int
    dropped: int
    held: int
    skipped: int


class Reorder(Generic[T]):
    """One stream's packets, in order of their 16-bit number.

    Args:
        depth: a gap is given up when a packet has come from so many places further on.
    """

    def __init__(self, depth: int = DEPTH) -> None:
        self._depth = depth
        self._next: int | None = None
        self._held: dict[int, T] = {}
        self._received = self._released = self._dropped = self._skipped = 0

    def push(self, number: int, item: T) -> list[T]:
        """Take a packet.

        Args:
            number: its place, modulo 2 ** 16.
            item: the packet.

        Returns:
            what is in order by now.
        """
        self._received += 1
        if self._next is None:
            self._next = number
        place = self._unwrap(number, self._next)
        out: list[T] = []
        if abs(place - self._next) > RESTART:
            out = self._empty()
            self._next = place = number
        if place < self._next or place in self._held:
            self._dropped += 1
            return out
        self._held[place] = item
        out += self._contiguous()
        while self._held and max(self._held) - self._next >= self._depth:
            first = min(self._held)
            self._skipped += first - self._next
            self._next = first
            out += self._contiguous()
        return out

    def statistics(self) -> ReorderStatistics:
        """Counters, all of the same moment."""
        return ReorderStatistics(
            self._received, self._released, self._dropped, len(self._held), self._skipped
        )

    def _unwrap(self, number: int, near: int) -> int:
        """The place nearest to the next one that has this number."""
        ahead = (number - near) % _TURN
        return near + (ahead if ahead < _TURN // 2 else ahead - _TURN)

    def _contiguous(self) -> list[T]:
        out: list[T] = []
        assert self._next is not None
        while self._next in self._held:
            out.append(self._held.pop(self._next))
            self._next += 1
        self._released += len(out)
        return out

    def _empty(self) -> list[T]:
        out = [self._held[place] for place in sorted(self._held)]
        self._held.clear()
        self._released += len(out)
        return out
