"""Proves that a session file gives the events that it holds."""

from collections import deque
from dataclasses import dataclass

from ..stream.errors import RecordingError
from .compare import Difference, differences
from .events import AnyEvent, DropReport, Event, SessionClosed
from .recorded import RecordedSession


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison found.

    Attributes:
        compared: events that were made anew and are in the file.
        equal: those of them that agree before the first difference.
        difference: the first one.
        problem: what is wrong with the file itself; a cut one is compared as far as it goes.
        changed: the file was changed after it was written.
    """

    compared: int
    equal: int
    difference: Difference | None
    problem: str
    changed: bool

    @property
    def good(self) -> bool:
        """Nothing differs, and nobody changed the file."""
        return self.difference is None and not self.changed and self.compared > 0


def verify(session: RecordedSession) -> Verdict:
    """Replay a session from its features and compare with its events, latency aside.

    What closes a session that was interrupted depends on when that happened, so it is left out.

    Raises:
        RecordingError: the file cannot be read, or its session does not begin in it.
        ModelError: the weights cannot be loaded.
    """
    if session.facts.part > 1:
        raise RecordingError(
            f"{session.path}: is part {session.facts.part} of a session. Its first events rest on "
            f"what came before, so they cannot be made again exactly; verify the first part"
        )
    recorded: deque[AnyEvent] = deque()
    session.recorded = recorded
    made: deque[Event] = deque()
    equal, first = 0, None
    for event in session:
        made.append(event)
        while made and recorded and first is None and not _closes(recorded[0]):
            first = next(differences([recorded.popleft()], [made.popleft()], start=equal), None)
            equal += first is None
    tail = session.tail
    whole = tail.complete and session.whole
    if whole and first is None:
        first = next(differences(recorded, made, start=equal), None)
        equal += len(recorded) if first is None else first.seq - equal
    compared = equal + (first is not None)
    return Verdict(compared, equal, first, tail.problem, tail.changed)


def _closes(event: Event) -> bool:
    return isinstance(event, DropReport | SessionClosed)
