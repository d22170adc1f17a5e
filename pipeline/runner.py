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
from .events import Event, ModelRef
from .feeds import Feed, Incident, InlineFeed, ProcessFeed, StartError
from .hub import Hub, Output, WindowJob, WindowRules
from .job import Job
from .journal import CloseReason, Journal
from .merge import Merger
from .plan import Plan, ReplayRequest, make_plan, on_bus, window_config
from .predictors import InlinePredictor, Predictor, WorkerPredictor

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
    """

    def __init__(
        self, request: ReplayRequest, plan: Plan, feed: Feed, predictor: Predictor
    ) -> None:
        self.duration_ms: Final = plan.info.duration_ns // NS_PER_MS
        self._request = request
        self._plan = plan
        self._feed = feed
        self._predictor = predictor
        self._live = set(plan.jobs)
        self._merger = Merger(plan.jobs, PATIENCE_NS)
        self._hub: Hub | None = None
        self._journal: Journal | None = None
        self._took_s = 0.0

    def __iter__(self) -> Generator[Event]:
        """Load the models, read the recording, and give events as they become certain."""
        hub, journal, first = self._open()
        yield from first
        began_ns = time.monotonic_ns()
        while self._live or any(self._merger.backlog(m) for m in self._plan.jobs):
            self._submit(self._advance(hub, journal))
            yield from self._answered(journal, MAX_WAITING)
        self._submit(journal.add(hub.finish()))
        yield from self._answered(journal, 0)
        self._took_s = (time.monotonic_ns() - began_ns) / NS_PER_S
        yield from self.close("end")

    def close(self, reason: CloseReason) -> list[Event]:
        """The last events; also for a replay that was interrupted."""
        if self._hub is None or self._journal is None:
            return []
        events = self._journal.flush()
        return [*events, *self._journal.close(self._hub.now_ns, self._hub.counts(), reason)]

    def summary(self) -> str:
        """What was done, in one line."""
        windows = 0 if self._journal is None else self._journal.windows
        seconds = self.duration_ms / 1000
        pace = f", {seconds / self._took_s:.1f}x real time" if self._took_s else ""
        return f"{windows} windows from {seconds:.1f} s of recording{pace}"

    def _open(self) -> tuple[Hub, Journal, list[Event]]:
        self._feed.launch()
        self._predictor.launch()
        self._feed.ready()
        identity = self._predictor.ready()
        request, plan = self._request, self._plan
        config = window_config(request.settings)
        windows = request.settings.windows
        rules = WindowRules(windows.settle_ms * NS_PER_MS, windows.min_coverage)
        hub = Hub(request.participant, identity.dims, config, rules, plan.disabled)
        model = ModelRef(id=identity.id, sha256=identity.sha256)
        journal = Journal(plan.session_id, request.participant, model)
        self._hub, self._journal = hub, journal
        first = journal.ready(request.media.name, config, plan.starts)
        journal.add(hub.start())
        self._feed.begin()
        return hub, journal, [first, *journal.flush()]

    def _advance(self, hub: Hub, journal: Journal) -> list[tuple[int, WindowJob]]:
        """Take in what there is, and let session time pass."""
        outputs: list[Output] = []
        for incident in self._feed.pump(self._merger):
            outputs += self._on_incident(hub, journal, incident)
        now_ns = self._feed.now_ns()
        while (packet := self._merger.pop(now_ns)) is not None:
            if packet.kind == "end":
                self._merger.exclude(packet.modality)
                self._live.discard(packet.modality)
            outputs += hub.accept(packet)
        if now_ns is not None:
            outputs += self._pass_time(hub, now_ns)
        return journal.add(outputs)

    def _pass_time(self, hub: Hub, now_ns: int) -> list[Output]:
        """Let the clock go on without data, but not beyond the recording's end."""
        end_ns = self._plan.info.duration_ns or now_ns
        if now_ns > end_ns + LINGER_NS:
            for modality in self._live:
                self._merger.exclude(modality)
            self._live.clear()
        return hub.advance(max(0, min(now_ns - PATIENCE_NS, end_ns)))

    def _on_incident(self, hub: Hub, journal: Journal, incident: Incident) -> list[Output]:
        if incident.permanent:
            self._live.discard(incident.modality)
        outputs = [] if incident.lossless else hub.failed(incident.modality, incident.code)
        journal.error(incident.code, incident.detail, hub.now_ns)
        return outputs

    def _submit(self, jobs: Iterable[tuple[int, WindowJob]]) -> None:
        for number, job in jobs:
            self._predictor.submit(number, job.closed.window)

    def _answered(self, journal: Journal, most_waiting: int) -> Iterator[Event]:
        """Events that are ready; waits while more than `most_waiting` windows are unread."""
        wait_s = 0.0
        while True:
            for number, prediction, took_ns in self._predictor.poll(wait_s):
                journal.answer(number, prediction, took_ns)
            for death in self._predictor.deaths():
                if death.permanent:
                    raise StartError(death.detail)
                journal.error("worker_died", death.detail, 0)
            yield from journal.flush()
            if journal.waiting <= most_waiting:
                return
            wait_s = ANSWER_WAIT_S


@contextmanager
def replay(request: ReplayRequest) -> Iterator[ReplaySession]:
    """Open a replay; its processes and files are gone when the block is left.

    Args:
        request: what to replay.

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
            predictor = WorkerPredictor(reading, folder)
        stack.callback(predictor.close)
        yield ReplaySession(request, plan, feed, predictor)
