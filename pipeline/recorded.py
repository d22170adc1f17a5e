"""Replays a session file from its features: the hub and the recognizer, without media.

The inputs go into a new hub in the recorded order. So, with the same weights and settings, the
events are those of the session itself, latency aside.
"""

import time
from collections.abc import Generator, Iterator, MutableSequence
from pathlib import Path
from typing import Final

from ..models.features import MODALITIES
from ..stream.errors import RecordingError
from ..stream.limits import MAX_TIME_NS
from ..stream.packet import NS_PER_MS, NS_PER_S, Packet
from ..stream.recording import Entry, Facts, Record
from ..stream.recording_reader import RecordingReader, Tail
from .config import Settings
from .consent import Terms
from .events import AnyEvent, Event
from .intake import Intake, Jobs, SessionSetup
from .journal import CloseReason
from .predictors import ModelIdentity, Predictor
from .runner import pace_line
from .session_format import (
    FACTS_NAME,
    Finished,
    HubInput,
    Noted,
    SessionFacts,
    SourceFailed,
    TimePassed,
    is_event,
    is_input,
    unpack_event,
    unpack_input,
)

BURST: Final = 32
"""Windows that a replay without pace lets gather before it reads them."""


def read_facts(path: Path) -> SessionFacts:
    """Read what a session file says about its session.

    Raises:
        RecordingError: it cannot be read, or says nothing.
    """
    reader = RecordingReader(path)
    return facts_in(path, reader, iter(reader))


def facts_in(path: Path, reader: RecordingReader, records: Iterator[Record]) -> SessionFacts:
    """Read records up to the facts of the session.

    Args:
        path: the file.
        reader: of the file.
        records: of the reader, from the first one.

    Raises:
        RecordingError: there are none.
    """
    for record in records:
        if isinstance(record, Facts) and record.name == FACTS_NAME:
            try:
                return SessionFacts.from_facts(record)
            except RecordingError as exc:
                raise RecordingError(f"{path}: {exc}") from exc
        if isinstance(record, Entry):
            break
    why = f": {reader.tail.problem}" if reader.tail.problem else ""
    raise RecordingError(f"{path}: holds no recorded session of Tacit{why}")


def terms_of_facts(facts: SessionFacts) -> Terms | None:
    """The terms that a session ran under; None where its file does not say.

    Raises:
        RecordingError: the file says terms of another form.
        ConsentError: nobody may be read under them.
    """
    if not facts.terms:
        return None
    try:
        return Terms(**facts.terms)
    except TypeError as exc:
        raise RecordingError(f"session {facts.session_id}: its terms are damaged: {exc}") from exc


class RecordedSession:
    """The events of a session that was recorded, made anew; iterate over it once.

    Args:
        path: the session file.
        predictor: what reads the windows.
        settings: how windows are cut; None for as they were.
        speed: session seconds per second; None for as fast as possible.

    Raises:
        RecordingError: the file cannot be read.
    """

    def __init__(
        self,
        path: Path,
        predictor: Predictor,
        settings: Settings | None = None,
        speed: float | None = None,
    ) -> None:
        self.path: Final = path
        self._reader = RecordingReader(path)
        self._records = iter(self._reader)
        self.facts: Final = facts_in(path, self._reader, self._records)
        self.duration_ms: Final = self.facts.duration_ms
        self.recorded: MutableSequence[AnyEvent] | None = None
        """Set it, and it takes the events in the file as they are passed by."""
        self._predictor = predictor
        self._settings = settings or self.facts.settings
        self._speed = speed
        self._intake: Intake | None = None
        self.whole = False
        """Every source came to its end before the file did."""
        self._took_s = 0.0

    @property
    def tail(self) -> Tail:
        """How the file ends; certain when all events have been taken."""
        return self._reader.tail

    def __iter__(self) -> Generator[Event]:
        """Load the recognizer, and give events as they become certain."""
        self._predictor.launch()
        identity = self._predictor.ready()
        _check_fit(self.facts, identity)
        self._intake = intake = Intake(self._setup(), identity)
        yield intake.ready
        yield from intake.journal.flush()
        began_ns = time.monotonic_ns()
        jobs: Jobs = []
        for found in self._inputs():
            self._wait(found, began_ns)
            jobs += self._feed(intake, found)
            # Windows that are read in a row cost a fifth less than between other work.
            if self._speed is not None or len(jobs) >= BURST:
                yield from self._answers(intake, jobs)
                jobs.clear()
        yield from self._answers(intake, jobs)
        self._took_s = (time.monotonic_ns() - began_ns) / NS_PER_S
        yield from self.close("end" if self.whole else "interrupted")

    def close(self, reason: CloseReason) -> list[Event]:
        """The last events; also for a replay that was interrupted."""
        return [] if self._intake is None else self._intake.close(reason)

    def summary(self) -> str:
        """What was done, in one line."""
        if self._intake is None:
            return pace_line(0, self.duration_ms, 0.0)
        reached_ms = min(self.duration_ms, self._intake.now_ns // NS_PER_MS)
        line = pace_line(self._intake.journal.windows, reached_ms, self._took_s)
        if self.tail.complete:
            return line
        return f"{line}; the file ends early: {self.tail.problem}"

    def _setup(self) -> SessionSetup:
        facts = self.facts
        return SessionSetup(
            facts.session_id,
            facts.participant,
            facts.source,
            self._settings,
            facts.disabled,
            facts.anchor_utc or None,
            facts.start_ns,
            terms=terms_of_facts(facts),
        )

    def _inputs(self) -> Iterator[HubInput]:
        for record in self._records:
            if not isinstance(record, Entry):
                continue
            try:
                if is_input(record):
                    yield unpack_input(record)
                elif self.recorded is not None and is_event(record):
                    self.recorded.append(unpack_event(record))
            except RecordingError as exc:
                raise RecordingError(f"{self.path}: {exc}") from exc

    def _feed(self, intake: Intake, found: HubInput) -> Jobs:
        match found:
            case Packet():
                return self._accept(intake, found)
            case TimePassed():
                return intake.advance(found.t_ns)
            case SourceFailed():
                return intake.failed(found.modality, found.reason)
            case Noted():
                intake.note(found.code, found.message)
                return []
            case Finished():
                self.whole = True
                return intake.finish()

    def _accept(self, intake: Intake, packet: Packet) -> Jobs:
        try:
            return intake.accept(packet)
        except (ValueError, KeyError, TypeError) as exc:
            # Whoever wrote the file decides what is in it; a packet that no stage makes is damage.
            raise RecordingError(
                f"{self.path}: {packet.modality} packet {packet.seq} cannot be used: {exc}"
            ) from exc

    def _answers(self, intake: Intake, jobs: Jobs) -> Iterator[Event]:
        for number, job in jobs:
            self._predictor.submit(number, job.closed.window)
        waiting = len(jobs)
        while waiting:
            for number, prediction, took_ns in self._predictor.poll(0.02):
                intake.journal.answer(number, prediction, took_ns)
                waiting -= 1
        return iter(intake.journal.flush())

    def _wait(self, found: HubInput, began_ns: int) -> None:
        if self._speed is None:
            return
        t_ns = 0
        if isinstance(found, Packet):
            t_ns = min(found.t_available_ns, MAX_TIME_NS)
        elif isinstance(found, TimePassed):
            t_ns = found.t_ns
        delay_ns = began_ns + int(t_ns / self._speed) - time.monotonic_ns()
        if delay_ns > 0:
            time.sleep(delay_ns / NS_PER_S)


def _check_fit(facts: SessionFacts, identity: ModelIdentity) -> None:
    for modality in MODALITIES:
        recorded, wanted = facts.dims.get(modality), identity.dims[modality]
        if recorded != wanted:
            raise RecordingError(
                f"the session holds {modality} features of length {recorded}, and this model "
                f"reads {wanted}: replay it with --from media"
            )
