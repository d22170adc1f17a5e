"""The stage workers of all live sessions: one process per modality, shared by all participants.

A worker that dies or hangs is replaced; what was under way in it is lost, and said to be.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import zmq

from ...stream.bus import BusOptions, BusReceiver, BusSender
from ...stream.errors import RemoteError
from ...stream.packet import NS_PER_S, Modality, Packet
from ...stream.wire import message_to_packet, packet_to_message
from ..feeds import StartError
from ..job import BEAT, Go, Job
from ..supervisor import Care, Cause, RestartRule, Supervised, WorkerProcess
from ..watch import Deadlines

QUEUE: Final[Mapping[Modality, int]] = {"face": 16, "audio": 200, "text": 1000}
"""Messages that wait at each end; the sessions' own limits act before these do."""
DEADLINES: Final[Mapping[Modality, Deadlines]] = {
    "face": Deadlines(NS_PER_S),
    "audio": Deadlines(NS_PER_S),
    "text": Deadlines(5 * NS_PER_S),
}
"""What the longest piece of work may take; recognising a phrase takes seconds on a slow machine."""
READY_NS: Final = 180 * NS_PER_S
"""A server starts with the machine, when it is busiest; nobody waits at a terminal."""


@dataclass(frozen=True, slots=True)
class StageDown:
    """A stage stopped working.

    Attributes:
        modality: which.
        detail: how, in one line.
        permanent: it died too often and stays down.
        cause: whether it died, hung or took too much memory.
    """

    modality: Modality
    detail: str
    permanent: bool
    cause: Cause = "worker_died"


class _Stage:
    """One worker and the two bus ends between it and this process."""

    def __init__(self, modality: Modality, job: Job, folder: Path, rule: RestartRule) -> None:
        assert job.listen is not None
        self.modality = modality
        options = BusOptions(QUEUE[modality], job.bus_options.curve)
        self.receiver = BusReceiver(job.publish, bind=True, options=job.bus_options)
        self.sender = BusSender(job.listen, source="session", bind=True, options=options)
        process = WorkerProcess(modality, folder, job.settings.threads)
        care = Care(DEADLINES[modality], job.settings.workers.memory_bytes(modality))
        self.worker = Supervised(process, job, rule, care)
        self.down = False

    def close(self) -> None:
        self.worker.process.close()
        self.sender.close(0.0)
        self.receiver.close(0.0)


class StagePool:
    """Sends media to the stages and gives what comes back.

    An object belongs to the thread that made it.

    Args:
        jobs: per modality that runs, each with endpoints and the number of live streams.
        folder: private folder for logs.
        rule: when dead workers come back.
    """

    def __init__(
        self, jobs: Mapping[Modality, Job], folder: Path, rule: RestartRule | None = None
    ) -> None:
        self._stages = {m: _Stage(m, job, folder, rule or RestartRule()) for m, job in jobs.items()}

    @property
    def sockets(self) -> list["zmq.Socket[bytes]"]:
        """What to poll for packets."""
        return [stage.receiver.socket for stage in self._stages.values()]

    @property
    def workers(self) -> dict[str, int | None]:
        """Process ids by name; None for one that is down."""
        return {m: stage.worker.process.pid for m, stage in self._stages.items()}

    @property
    def care(self) -> dict[str, int]:
        """How often each worker was started again, and how often it was silent for too long."""
        found = {}
        for modality, stage in self._stages.items():
            found[f"{modality}_restarts"] = stage.worker.epoch
            found[f"{modality}_silences"] = stage.worker.silences
        return found

    def launch(self) -> None:
        """Start all workers."""
        for stage in self._stages.values():
            stage.worker.start()

    def ready(self, stopped: Callable[[], bool] = bool) -> None:
        """Wait until each worker has loaded its models.

        Args:
            stopped: asked meanwhile; True ends the wait.

        Raises:
            StartError: one died or took too long, or nobody waits any more.
        """
        deadline_ns = time.monotonic_ns() + READY_NS
        while not all(stage.worker.ready for stage in self._stages.values()):
            if stopped():
                raise StartError("the workers were stopped while they were loading")
            for _ in self.receive():
                continue
            for stage in self._stages.values():
                death = stage.worker.check(time.monotonic_ns())
                if death is not None:
                    raise StartError(death.detail)
            if time.monotonic_ns() > deadline_ns:
                slow = [m for m, s in self._stages.items() if not s.worker.ready]
                raise StartError(f"{', '.join(slow)} worker: not ready in {READY_NS // NS_PER_S} s")
            time.sleep(0.01)

    def up(self, modality: Modality) -> bool:
        """Whether a stage takes media now."""
        stage = self._stages.get(modality)
        return stage is not None and stage.worker.ready

    def send(self, modality: Modality, media: Packet) -> bool:
        """Give a stage a packet of kind "media" or "end"; False where it does not take it."""
        stage = self._stages.get(modality)
        if stage is None or not stage.worker.ready:
            return False
        return stage.sender.send(packet_to_message(media))

    def receive(self) -> Iterator[Packet]:
        """What the stages gave."""
        for stage in self._stages.values():
            while (message := stage.receiver.receive(0)) is not None:
                stage.worker.heard(time.monotonic_ns())
                if message.kind == BEAT:
                    continue
                if message.kind == "ready":
                    stage.worker.ready = True
                    stage.worker.process.tell(Go())
                    continue
                try:
                    packet = message_to_packet(message)
                except RemoteError:
                    continue
                if packet.epoch == stage.worker.epoch:
                    yield packet

    def look_after(self, now_ns: int) -> list[StageDown]:
        """Notice dead and hanging workers, and bring them back when it is time."""
        found = []
        for stage in self._stages.values():
            if stage.down or stage.worker.revive(now_ns):
                continue
            death = stage.worker.check(now_ns)
            if death is not None:
                stage.down = death.permanent
                found.append(StageDown(stage.modality, death.detail, death.permanent, death.cause))
        return found

    def close(self) -> None:
        """End all workers."""
        for stage in self._stages.values():
            stage.close()
