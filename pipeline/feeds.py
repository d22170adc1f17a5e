"""Where a session's packets come from: stages in this process, or workers over the bus."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import zmq

from ..models.errors import ModelError
from ..stream.bus import BusReceiver
from ..stream.errors import StreamError
from ..stream.packet import NS_PER_MS, NS_PER_S, Modality, Packet
from ..stream.wire import Message, message_to_packet
from .errors import UserError
from .job import Go, Job
from .merge import Merger
from .process_facts import activity
from .stages.build import Stage, build_stage
from .supervisor import Care, Death, RestartRule, Supervised, WorkerProcess
from .watch import Deadlines, Watch

POLL_MS: Final = 20
MAX_BACKLOG: Final = 256
READY_NS: Final = 60 * NS_PER_S
STALLED: Final = Deadlines(5 * NS_PER_S)
"""For one that the merge waits for; it has no pulse, as it may wait for this process as well."""


class StartError(UserError):
    """A worker could not be started; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something went wrong with a source.

    Attributes:
        modality: whose source.
        code: "worker_died", "worker_hung", "worker_memory" or "source_failed".
        detail: in one line.
        lossless: nothing was lost, because the recording is read on from the same place.
        permanent: the source stays down.
    """

    modality: Modality
    code: str
    detail: str
    lossless: bool
    permanent: bool


class Feed(Protocol):
    """Delivers packets of all sources of a session."""

    def launch(self) -> None:
        """Begin to load models."""

    def ready(self) -> None:
        """Wait until all models are loaded.

        Raises:
            StartError, ModelError: a stage cannot start.
        """

    def begin(self) -> None:
        """Let the stages read; session time 0 is now."""

    def pump(self, merger: Merger) -> list[Incident]:
        """Bring in what there is; waits a little when there is nothing."""

    def now_ns(self) -> int | None:
        """Session time, or None when the recording runs as fast as it can."""

    def close(self) -> None:
        """End everything."""


class InlineFeed:
    """Runs the stages in this process.

    Args:
        jobs: per modality.
        speed: session seconds per second; None for as fast as possible.
        build: makes a stage; None to load its models anew.
    """

    def __init__(
        self,
        jobs: Mapping[Modality, Job],
        speed: float | None = None,
        build: Callable[[Modality, Job], Stage] | None = None,
    ) -> None:
        self._jobs = jobs
        self._build = build or build_stage
        self._speed = speed
        self._anchor_ns = 0
        self._stages: dict[Modality, Stage] = {}
        self._packets: dict[Modality, Iterator[Packet]] = {}

    def launch(self) -> None:
        """Nothing to do ahead."""

    def ready(self) -> None:
        """Load all models."""
        for modality, job in self._jobs.items():
            self._stages[modality] = self._build(modality, job)

    def begin(self) -> None:
        """Open the recording."""
        for modality, stage in self._stages.items():
            self._packets[modality] = stage.packets(Go())
        self._anchor_ns = time.monotonic_ns()

    def pump(self, merger: Merger) -> list[Incident]:
        """Take one packet from each source that the merge waits for."""
        incidents = []
        for modality in sorted(merger.blocked_on()):
            try:
                packet = next(self._packets[modality], None)
            except (StreamError, ModelError) as exc:
                incidents.append(Incident(modality, "source_failed", str(exc), False, True))
                packet = None
            if packet is None:
                merger.exclude(modality)
                continue
            self._pace(packet)
            merger.push(packet)
        return incidents

    def now_ns(self) -> int | None:
        """Always None: a stage that runs inline is waited for."""
        return None

    def close(self) -> None:
        """Drop the stages."""
        self._packets.clear()
        self._stages.clear()

    def _pace(self, packet: Packet) -> None:
        if self._speed is None:
            return
        due_ns = self._anchor_ns + int(packet.t_available_ns / self._speed)
        delay_ns = due_ns - time.monotonic_ns()
        if delay_ns > 0:
            time.sleep(delay_ns / NS_PER_S)


class _Source:
    """One worker, the bus end that it sends to, and how far it has come."""

    def __init__(self, modality: Modality, job: Job, folder: Path, rule: RestartRule) -> None:
        self.modality = modality
        self.receiver = BusReceiver(job.publish, bind=True, options=job.bus_options)
        process = WorkerProcess(modality, folder, job.settings.threads)
        care = Care(memory_bytes=job.settings.workers.memory_bytes(modality))
        self.worker = Supervised(process, job, rule, care)
        self.watch = Watch(STALLED)
        self.ended = False
        self.reached_ns = 0

    def close(self) -> None:
        self.worker.process.close()
        self.receiver.close()


class ProcessFeed:
    """Runs each stage in a worker process of its own.

    Without a speed the recording is read without loss: a worker that dies is restarted where it
    stopped, and the merge waits for it. With a speed it behaves like a live source: what passes
    while a worker is down is gone.

    Args:
        jobs: per modality, each with its own endpoint to publish to.
        folder: private folder for logs.
        speed: session seconds per second; None for as fast as possible.
        rule: when dead workers come back.
    """

    def __init__(
        self,
        jobs: Mapping[Modality, Job],
        folder: Path,
        speed: float | None = None,
        rule: RestartRule | None = None,
    ) -> None:
        self._speed = speed
        self._anchor_ns: int | None = None
        self._sources = {
            m: _Source(m, job, folder, rule or RestartRule()) for m, job in jobs.items()
        }

    def launch(self) -> None:
        """Start all workers."""
        for source in self._sources.values():
            source.worker.start()

    def ready(self) -> None:
        """Wait until each worker has loaded its models."""
        deadline_ns = time.monotonic_ns() + READY_NS
        while not all(source.worker.ready for source in self._sources.values()):
            now_ns = time.monotonic_ns()
            for source in self._waiting(self._sources):
                self._drain(source, None)
            for source in self._sources.values():
                death = source.worker.check(now_ns)
                if death is not None:
                    raise StartError(death.detail)
            if now_ns > deadline_ns:
                slow = [m for m, s in self._sources.items() if not s.worker.ready]
                raise StartError(f"{', '.join(slow)} worker: not ready in {READY_NS // NS_PER_S} s")

    def begin(self) -> None:
        """Let every worker read; session time 0 is now."""
        if self._speed is not None:
            self._anchor_ns = time.monotonic_ns() + 50 * NS_PER_MS
        for source in self._sources.values():
            self._go(source, 0)

    def pump(self, merger: Merger) -> list[Incident]:
        """Take in what has arrived, and look after the workers."""
        hungry = {
            m: s
            for m, s in self._sources.items()
            if merger.backlog(m) < MAX_BACKLOG and not s.ended
        }
        for source in self._waiting(hungry):
            self._drain(source, merger)
        return self._look_after(merger)

    def now_ns(self) -> int | None:
        """Session time by the clock, or None without a speed."""
        if self._anchor_ns is None or self._speed is None:
            return None
        return int((time.monotonic_ns() - self._anchor_ns) * self._speed)

    def close(self) -> None:
        """End all workers."""
        for source in self._sources.values():
            source.close()

    def _waiting(self, sources: Mapping[Modality, _Source]) -> list[_Source]:
        poller = zmq.Poller()
        by_socket = {}
        for source in sources.values():
            poller.register(source.receiver.socket, zmq.POLLIN)
            by_socket[source.receiver.socket] = source
        return [by_socket[socket] for socket, _ in poller.poll(POLL_MS)]

    def _drain(self, source: _Source, merger: Merger | None) -> None:
        while merger is None or merger.backlog(source.modality) < MAX_BACKLOG:
            message = source.receiver.receive(0)
            if message is None:
                return
            source.watch.heard(time.monotonic_ns())
            if message.kind == "ready":
                self._on_ready(source)
            elif merger is not None:
                self._on_packet(source, message, merger)

    def _on_ready(self, source: _Source) -> None:
        source.worker.ready = True
        if source.worker.epoch > 0:
            now_ns = self.now_ns()
            self._go(source, source.reached_ns if now_ns is None else max(now_ns, 0))

    def _on_packet(self, source: _Source, message: Message, merger: Merger) -> None:
        packet = message_to_packet(message)
        if packet.epoch != source.worker.epoch:
            return
        merger.push(packet)
        merger.include(source.modality)
        source.reached_ns = packet.t_end_ns
        source.ended = packet.kind == "end"

    def _look_after(self, merger: Merger) -> list[Incident]:
        incidents = []
        now_ns = time.monotonic_ns()
        for source in self._sources.values():
            if source.ended or source.worker.revive(now_ns):
                continue
            death = source.worker.check(now_ns)
            if death is None:
                self._end_if_stuck(source, merger, now_ns)
            else:
                incidents += self._on_death(source, death, merger)
        return incidents

    def _on_death(self, source: _Source, death: Death, merger: Merger) -> list[Incident]:
        self._drain(source, merger)
        if source.ended:
            return []
        lossless = self._speed is None and not death.permanent
        if not lossless:
            merger.exclude(source.modality)
        source.ended = death.permanent
        return [Incident(source.modality, death.cause, death.detail, lossless, death.permanent)]

    def _end_if_stuck(self, source: _Source, merger: Merger, now_ns: int) -> None:
        """A worker that the merge waits for and that says nothing is as good as dead."""
        pid = source.worker.process.pid
        if source.modality not in merger.blocked_on() or not source.worker.ready or pid is None:
            source.watch.heard(now_ns)
        elif source.watch.due(now_ns) and source.watch.look(now_ns, activity(pid)) == "hung":
            source.worker.kill()

    def _go(self, source: _Source, start_ns: int) -> None:
        source.watch.heard(time.monotonic_ns())
        source.worker.process.tell(
            Go(
                start_ns=start_ns,
                anchor_ns=self._anchor_ns,
                speed=self._speed or 1.0,
            )
        )
