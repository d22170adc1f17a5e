"""How long each step of a live result took, from the end of its window to its event.

The steps of one result follow one another without a hole: their sum is the whole. The piece of
media whose features completed the window is followed; where nothing completed it and the bounded
wait ran out, the first step takes it all.
"""

from dataclasses import dataclass, field
from typing import Final

from ...stream.packet import NS_PER_MS, Packet
from ..intake import Jobs
from ..job import STAMPS

HOPS: Final = ("settle", "ingest", "route", "stage", "return", "queue", "predict", "publish")
"""settle: window end → end of the piece that completes it; ingest: → in this process; route: → in
the stage's worker; stage: → features made; return: → features back; queue: → window sent to the
recognizer; predict: → read; publish: → event."""
_MOST: Final = 256


@dataclass(frozen=True, slots=True)
class Closing:
    """What closed windows: a packet from a stage, or that time ran out.

    Attributes:
        at_ns: now, monotonic clock.
        anchor_ns: monotonic clock reading that is session time 0.
        packet: features; None where time ran out.
    """

    at_ns: int
    anchor_ns: int
    packet: Packet | None = None

    def marks(self) -> list[int]:
        """End of the first five steps, monotonic ns."""
        stamps = None if self.packet is None else self.packet.meta.get(STAMPS)
        if self.packet is None or not isinstance(stamps, list) or len(stamps) != 3:
            return [self.at_ns] * 5
        offered, taken, done = (int(stamp) for stamp in stamps)
        captured = min(self.packet.t_end_ns + self.anchor_ns, offered)
        return [captured, offered, taken, done, self.at_ns]


@dataclass(slots=True)
class Trace:
    """Marks of one window, ns of the monotonic clock, in the order of `HOPS`.

    Attributes:
        t1_ns: end of the window.
        marks: end of each step so far.
    """

    t1_ns: int
    marks: list[int] = field(default_factory=list)

    def latency_ms(self, published_ns: int) -> dict[str, float]:
        """The steps and the whole, ms."""
        marks = [*self.marks, published_ns]
        begins = [self.t1_ns, *marks]
        steps = {
            hop: round((end - begin) / NS_PER_MS, 3)
            for hop, begin, end in zip(HOPS, begins, marks, strict=False)
        }
        return {"capture_to_result": round((published_ns - self.t1_ns) / NS_PER_MS, 3), **steps}


class Traces:
    """Traces of the windows that are under way."""

    def __init__(self) -> None:
        self._by_window: dict[tuple[int, int], Trace] = {}
        self._by_number: dict[int, Trace] = {}

    def closed(self, jobs: Jobs, closing: Closing) -> None:
        """Windows closed, and are to be read."""
        for number, job in jobs:
            window = job.closed.window
            trace = Trace(window.t1_ns + closing.anchor_ns, closing.marks())
            key = (window.t1_ns // NS_PER_MS, job.closed.revision)
            self._by_window[key] = self._by_number[number] = trace
        for known in (self._by_window, self._by_number):
            while len(known) > _MOST:
                known.pop(next(iter(known)))  # type: ignore[call-overload]

    def reached(self, number: int, at_ns: int) -> None:
        """A window was sent to the recognizer, or came back from it."""
        trace = self._by_number.get(number)
        if trace is not None and len(trace.marks) < len(HOPS) - 1:
            trace.marks.append(at_ns)

    def pop(self, end_ms: int, revision: int) -> Trace | None:
        """The trace of a window whose event is made."""
        return self._by_window.pop((end_ms, revision), None)
