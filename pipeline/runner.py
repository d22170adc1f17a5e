"""Replays a recording through the whole graph and gives its events.

The graph is the one of a live session: stages, merge, hub, recognizer, journal. Only the feed
differs, and it decides whether time is the recording's own or the clock's.
"""

import tempfile
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from ..stream.endpoints import bus_place
from ..stream.packet import NS_PER_MS, NS_PER_S
from .events import Event
from .feeds import Feed, Incident, InlineFeed, ProcessFeed, StartError
from .hub import WindowJob
from .intake import Intake, SessionSetup
from .job import Job
from .journal import CloseReason
from .merge import Merger
from .plan import Plan, ReplayRequest, make_plan, on_bus
from .predictors import ANSWER_NS, InlinePredictor, Predictor, WorkerPredictor
from .recorder import Recorder, facts_of

PATIENCE_NS: Final = 250 * NS_PER_MS
MAX_WAITING: Final = 64
ANSWER_WAIT_S: Final = 0.02
LINGER_NS: Final = 2 * NS_PER_S
"""How long past its end a paced replay waits for a worker that is down or behind."""


class ReplaySession:
    """The events of one replay, in order; iterate over it once.

    Args:
        request: what to replay.
        plan: what it comes to here.
        feed: where packets come from.
        predictor: what reads the windows.
        recorder: keeps inputs and events, when the session is to be recorded.
    """

    def __init__(
        self,
        request: ReplayRequest,
        plan: Plan,
        feed: Feed,
        predictor: Predictor,
        recorder: Recorder | None = None,
    ) -> None:
        self.duration_ms: Final = plan.info.duration_ns // NS_PER_MS
        self._request = request
        self._plan = plan
        self._feed = feed
        self._predictor = predictor
        self._recorder = recorder
        self._live = set(plan.jobs)
        self._merger = Merger(plan.jobs, PATIENCE_NS)
        self._intake: Intake | None = None
        self._took_s = 0.0

    def __iter__(self) -> Generator[Event]:
        """Load the models, read the recording, and give events as they become certain."""
        for event in self._events():
            self._keep(event)
            yield event
        yield from self.close("end")

    def close(self, reason: CloseReason) -> list[Event]:
        """The last events; also for a replay that was interrupted."""
        if self._intake is None:
            return []
        events = self._intake.close(reason)
        for event in events:
            self._keep(event)
        return events

    def summary(self) -> str:
        """What was done, in one line."""
        windows = 0 if self._intake is None else self._intake.journal.windows
        return pace_line(windows, self.duration_ms, self._took_s)

    def _events(self) -> Iterator[Event]:
        intake = self._open()
        yield intake.ready
        yield from intake.journal.flush()
        began_ns = time.monotonic_ns()
        while self._live or any(self._merger.backlog(m) for m in self._plan.jobs):
            self._advance(intake)
            yield from self._answered(intake, MAX_WAITING)
        self._submit(intake.finish())
        yield from self._answered(intake, 0)
        self._took_s = (time.monotonic_ns() - began_ns) / NS_PER_S

    def _open(self) -> Intake:
        self._feed.launch()
        self._predictor.launch()
        self._feed.ready()
        identity = self._predictor.ready()
        request, plan, recorder = self._request, self._plan, self._recorder
        setup = SessionSetup(
            plan.session_id,
            request.participant,
            request.source or request.media.name,
            request.settings,
            plan.disabled,
            terms=request.terms,
        )
        if recorder is not None:
            facts = facts_of(
                setup,
                identity,
                recorder.options,
                media=request.media,
                inject=request.inject,
                duration_ns=plan.info.duration_ns,
            )
            recorder.begin(facts, request.media)
        self._intake = intake = Intake(setup, identity, recorder)
        self._feed.begin()
        return intake

    def _advance(self, intake: Intake) -> None:
        """Take in what there is, and let session time pass."""
        for incident in self._feed.pump(self._merger):
            self._on_incident(intake, incident)
        now_ns = self._feed.now_ns()
        while (packet := self._merger.pop(now_ns)) is not None:
            if packet.kind == "end":
                self._merger.exclude(packet.modality)
                self._live.discard(packet.modality)
            self._submit(intake.accept(packet))
        if now_ns is not None:
            self._pass_time(intake, now_ns)

    def _pass_time(self, intake: Intake, now_ns: int) -> None:
        """Let the clock go on without data, but not beyond the recording's end."""
        end_ns = self._plan.info.duration_ns or now_ns
        if now_ns > end_ns + LINGER_NS:
            for modality in self._live:
                self._merger.exclude(modality)
            self._live.clear()
        self._submit(intake.advance(max(0, min(now_ns - PATIENCE_NS, end_ns))))

    def _on_incident(self, intake: Intake, incident: Incident) -> None:
        if incident.permanent:
            self._live.discard(incident.modality)
        intake.note(incident.code, incident.detail)
        if not incident.lossless:
            self._submit(intake.failed(incident.modality, incident.code))

    def _submit(self, jobs: Iterable[tuple[int, WindowJob]]) -> None:
        for number, job in jobs:
            self._predictor.submit(number, job.closed.window)

    def _answered(self, intake: Intake, most_waiting: int) -> Iterator[Event]:
        """Events that are ready; waits while more than `most_waiting` windows are unread."""
        journal, wait_s = intake.journal, 0.0
        while True:
            for number, prediction, took_ns in self._predictor.poll(wait_s):
                journal.answer(number, prediction, took_ns)
            for death in self._predictor.deaths():
                if death.permanent:
                    raise StartError(death.detail)
                intake.note(death.cause, death.detail)
            self._look_after_recording(intake)
            yield from journal.flush()
            if journal.waiting <= most_waiting:
                return
            wait_s = ANSWER_WAIT_S

    def _look_after_recording(self, intake: Intake) -> None:
        """Say when the recording stops or goes on; the session itself goes on whatever happens."""
        if self._recorder is not None:
            for code, message in self._recorder.news():
                intake.note(code, message)

    def _keep(self, event: Event) -> None:
        if self._recorder is not None:
            self._recorder.event(event)


def pace_line(windows: int, duration_ms: int, took_s: float) -> str:
    """How much was read how fast, in one line."""
    seconds = duration_ms / 1000
    pace = f", {seconds / took_s:.1f}x real time" if took_s else ""
    return f"{windows} windows from {seconds:.1f} s of recording{pace}"


@contextmanager
def replay(request: ReplayRequest, recorder: Recorder | None = None) -> Iterator[ReplaySession]:
    """Open a replay; its processes and files are gone when the block is left.

    Args:
        request: what to replay.
        recorder: keeps the session; closed by its owner.

    Yields:
        a session to iterate over.

    Raises:
        MediaError: the recording cannot be read.
        InjectError: the damage specification is wrong.
        ModelError: weights are missing or damaged.
        ConfigError: nothing is left to read.
        StartError: a worker does not start, or dies too often.
    """
    plan = make_plan(request)
    with ExitStack() as stack:
        if request.inline:
            feed: Feed = InlineFeed(plan.jobs, request.speed)
            predictor: Predictor = InlinePredictor(Job(settings=request.settings))
        else:
            place = stack.enter_context(bus_place())
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tacit-log-")))
            jobs = {m: on_bus(job, place, m) for m, job in plan.jobs.items()}
            reading = on_bus(Job(settings=request.settings), place, "recognizer")
            reading = reading.model_copy(update={"listen": place.endpoint("windows")})
            feed = ProcessFeed(jobs, folder, request.speed)
            stack.callback(feed.close)
            patience_ns = None if request.speed is None else ANSWER_NS
            predictor = WorkerPredictor(reading, folder, patience_ns=patience_ns)
        stack.callback(predictor.close)
        yield ReplaySession(request, plan, feed, predictor, recorder)
