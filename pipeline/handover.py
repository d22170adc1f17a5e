"""Where everything went that was handed over: offered = used + dropped + in flight, always.

Live data change hands at four places: from the source to the engine ("source"), from there through
a stage ("stage"), from features into windows ("windows"), and from windows to results ("results").
A fifth is from results to whoever watches ("viewers").
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

OVER: Final = "session_over"
"""Why what was under way when a session ended is dropped."""


@dataclass(frozen=True, slots=True)
class Handover:
    """Counters of one place.

    Attributes:
        place: which.
        stream: modality, or "all".
        offered: items that were handed over.
        used: items that did what they were for.
        dropped: items that never will, by the one reason for each.
        in_flight: items that may yet.
    """

    place: str
    stream: str
    offered: int = 0
    used: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    in_flight: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every item is accounted for once."""
        return self.offered == self.used + sum(self.dropped.values()) + self.in_flight

    def over(self) -> "Handover":
        """The same when nothing under way will arrive any more."""
        dropped = Counter(self.dropped)
        if self.in_flight:
            dropped[OVER] += self.in_flight
        return Handover(self.place, self.stream, self.offered, self.used, dict(dropped))


def total(rows: Iterable[Handover]) -> list[Handover]:
    """Rows of the same place and stream added up, in order of place and stream."""
    sums: dict[tuple[str, str], Handover] = {}
    for row in rows:
        key = (row.place, row.stream)
        known = sums.get(key)
        if known is None:
            sums[key] = row
            continue
        sums[key] = Handover(
            row.place,
            row.stream,
            known.offered + row.offered,
            known.used + row.used,
            dict(Counter(known.dropped) + Counter(row.dropped)),
            known.in_flight + row.in_flight,
        )
    return [sums[key] for key in sorted(sums)]


class HandoverBook:
    """Adds sessions that have ended to those that run, so that counters never go back."""

    def __init__(self) -> None:
        self._ended: list[Handover] = []

    def close(self, rows: Iterable[Handover]) -> None:
        """Take in the last counters of a session that has ended."""
        self._ended = total([*self._ended, *(row.over() for row in rows)])

    def rows(self, live: Iterable[Handover] = ()) -> list[Handover]:
        """All counters, with those of sessions that run."""
        return total([*self._ended, *live])
