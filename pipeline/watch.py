"""Does a worker still live? It gives signs of life; this says when they have been missing too long.

Pure: the caller says what time it is and what the worker was doing. The time that counts is the
worker's own: while it wants to run and is not let, it cannot be blamed, so a busy machine does not
make a hang. Nor does a supervisor that was itself held up: each look counts a quarter second at
most.
"""

from dataclasses import dataclass
from typing import Final, Literal

from .process_facts import Activity

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
MOST_PER_LOOK_NS: Final = 250 * NS_PER_MS
SOFT_NS: Final = 500 * NS_PER_MS
MOST_HARD_NS: Final = 10 * NS_PER_S
STILL_NS: Final = 20 * NS_PER_S
"""A worker that loads uses the processor or waits for the disk; one that does neither is stuck."""
BEAT_NS: Final = 200 * NS_PER_MS
"""How often a worker that has nothing else to say says that it lives."""

Verdict = Literal["well", "silent", "hung"]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a worker may give no sign of life.

    Attributes:
        work_ns: what its longest piece of work may take; after twice that, at most 10 s, it hangs.
        soft_ns: from then on it counts as silent.
        wall_ns: by the clock it hangs after this, however little it was let run.
    """

    work_ns: int
    soft_ns: int = SOFT_NS
    wall_ns: int = 60 * NS_PER_S

    @property
    def hard_ns(self) -> int:
        """From then on it hangs."""
        return min(2 * self.work_ns, MOST_HARD_NS)


class Watch:
    """Follows one worker.

    Args:
        deadlines: how long it may be silent.
    """

    def __init__(self, deadlines: Deadlines) -> None:
        self.deadlines: Final = deadlines
        self._heard_ns = 0
        self._looked_ns = 0
        self._silent_ns = 0
        self._cpu_ns: int | None = None

    @property
    def silent(self) -> bool:
        """Whether the last look found that it should have said something."""
        return self._silent_ns > self.deadlines.soft_ns

    def heard(self, now_ns: int) -> None:
        """It gave a sign of life, or was just started."""
        self._heard_ns = self._looked_ns = now_ns
        self._silent_ns, self._cpu_ns = 0, None

    def due(self, now_ns: int) -> bool:
        """Whether it is silent for longer than healthy ones are, so that a look is worth it."""
        return now_ns - self._heard_ns > 2 * BEAT_NS

    def look(self, now_ns: int, seen: Activity | None) -> Verdict:
        """Judge it.

        Args:
            now_ns: monotonic clock.
            seen: what it is doing; None where that is not known.
        """
        passed_ns = min(max(now_ns - self._looked_ns, 0), MOST_PER_LOOK_NS)
        self._looked_ns = max(now_ns, self._looked_ns)
        if seen is not None:
            if seen.state == "R" and self._cpu_ns is not None:
                passed_ns = min(passed_ns, seen.cpu_ns - self._cpu_ns)
            self._cpu_ns = seen.cpu_ns
        self._silent_ns += passed_ns
        stopped = seen is not None and seen.state in "Tt" and self.silent
        if stopped or self._silent_ns > self.deadlines.hard_ns:
            return "hung"
        if now_ns - self._heard_ns > self.deadlines.wall_ns:
            return "hung"
        return "silent" if self.silent else "well"


class LoadingWatch:
    """Follows a worker that loads its models, which says nothing: what it does has to show it.

    It lives while it uses the processor, wants to, or waits for a disk. How long all of that may
    take is for the caller to say.
    """

    def __init__(self) -> None:
        self._looked_ns: int | None = None
        self._still_ns = 0
        self._cpu_ns = 0

    def look(self, now_ns: int, seen: Activity | None) -> Verdict:
        """Judge it; see `Watch.look`. Where nothing is known of processes, it is well."""
        since_ns = now_ns if self._looked_ns is None else self._looked_ns
        self._looked_ns = now_ns
        if seen is None or seen.state in "RD" or seen.cpu_ns > self._cpu_ns:
            self._still_ns = 0
            self._cpu_ns = self._cpu_ns if seen is None else seen.cpu_ns
            return "well"
        self._still_ns += min(max(now_ns - since_ns, 0), MOST_PER_LOOK_NS)
        most_ns = SOFT_NS if seen.state in "Tt" else STILL_NS
        return "hung" if self._still_ns > most_ns else "well"
