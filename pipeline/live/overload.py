"""What is left out, and in which order, when this machine cannot keep up.

First what viewers see in passing, then the recovery of what is lost, then every other reading of
the face. Windows and their results are never given up.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ...stream.packet import NS_PER_MS, NS_PER_S


class Shed(IntEnum):
    """What is left out; each level includes those before it."""

    NOTHING = 0
    VIEWS = 1
    RECOVERY = 2
    FACE_RATE = 3


WORDS: Final = {
    Shed.NOTHING: ("overload.over", "This machine keeps up again; nothing is left out"),
    Shed.VIEWS: ("overload.views", "This machine cannot keep up: face outlines are left out"),
    Shed.RECOVERY: (
        "overload.recovery",
        "This machine cannot keep up: what is lost is not recovered for now",
    ),
    Shed.FACE_RATE: (
        "overload.face_rate",
        "This machine cannot keep up: faces are read half as often",
    ),
}
"""Code and message of the event that says so."""


@dataclass(frozen=True, slots=True)
class OverloadRules:
    """When something is left out, and when it comes back.

    Attributes:
        late_ns: what is captured needs longer than this to get through the stages.
        worse_ns: for so long before the next thing is left out.
        better_ns: in time for so long before the last thing comes back.
    """

    late_ns: int = 250 * NS_PER_MS
    worse_ns: int = 1500 * NS_PER_MS
    better_ns: int = 4 * NS_PER_S


class Overload:
    """Follows how late the stages are; reads no clock.

    Args:
        rules: see `OverloadRules`.
    """

    def __init__(self, rules: OverloadRules | None = None) -> None:
        self._rules = rules or OverloadRules()
        self.level = Shed.NOTHING
        self._since_ns: int | None = None
        self._late = False

    def observe(self, transit_ns: int, now_ns: int) -> bool:
        """Take note of how late the stages are.

        Args:
            transit_ns: longest that anything needs to get through them at present.
            now_ns: any monotonic clock.

        Returns:
            whether the level has changed.
        """
        late = transit_ns > self._rules.late_ns
        if late != self._late or self._since_ns is None:
            self._late, self._since_ns = late, now_ns
        wait_ns = self._rules.worse_ns if late else self._rules.better_ns
        if now_ns - self._since_ns < wait_ns:
            return False
        before = self.level
        step = 1 if late else -1
        self.level = Shed(min(max(self.level + step, Shed.NOTHING), Shed.FACE_RATE))
        self._since_ns = now_ns
        return self.level != before
