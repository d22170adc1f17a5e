"""The real engine with its real workers, for faults in real time."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from tacit.models.features import Modality
from tacit.pipeline.config import Settings, WorkerSettings
from tacit.pipeline.events import ErrorEvent, Event, MeasurementResult, SensorHealth
from tacit.pipeline.faults.judge import Told, gap_hops, is_used
from tacit.pipeline.live.engine import LiveEngine, Opening
from tacit.pipeline.live.handle import LiveHandle
from tacit.pipeline.server.desk import EngineListener
from tacit.stream.packet import NS_PER_MS
from tacit.stream.player import FilePlayer
from tools.fault_rows.clip import BLOCK_NS, PICTURE_NS, sample_clip, sample_path
from tools.fault_rows.server import Server
from tools.fault_rows.turns import Turns
from tools.tiny_whisper.convert import save, vocabulary
from tools.tiny_whisper.net import Shape, TinyWhisper

READY_S: Final = 240.0
PATIENCE_S: Final = 60.0
"""Longest wait for something that should take seconds: the machine may be busy."""
HOP_MS: Final = 500
MEMORY_MB: Final = 1024
"""Less than usual, so that memory can be blown up on small machines."""
HOOKS: Final = Path(__file__).parent / "hooks"
DEATHS: Final = frozenset({"worker_died", "worker_hung", "worker_memory"})


def untrained_whisper(folder: Path) -> Path:
    """A small speech model with random weights: it runs as a trained one does, and errs."""
    torch.manual_seed(0)
    words = ["yes", "no", "well", "good"]
    tokens = vocabulary(words)
    net = TinyWhisper(Shape(vocabulary=len(tokens)))
    save(net.eval(), tokens, folder)
    return folder


@dataclass(frozen=True, slots=True)
class Marked:
    """An event and when it came, monotonic clock."""

    at_ns: int
    event: Event


class Hearing:
    """Keeps the events of all sessions with their times, and passes them on to the server."""

    def __init__(self) -> None:
        self.server = EngineListener()
        self._by_session: dict[str, list[Marked]] = {}
        self._changed = threading.Condition()

    def events(self, session_id: str, events: list[Event]) -> None:
        """Called by the engine."""
        now_ns = time.monotonic_ns()
        with self._changed:
            kept = self._by_session.setdefault(session_id, [])
            kept += [Marked(now_ns, event) for event in events]
            self._changed.notify_all()
        self.server.events(session_id, events)

    def views(self, session_id: str, views: list[dict[str, Any]]) -> None:
        """Called by the engine."""
        self.server.views(session_id, views)

    def of(self, session_id: str) -> list[Marked]:
        """All events of a session so far."""
        with self._changed:
            return list(self._by_session.get(session_id, []))

    def forget(self, session_id: str, before_ns: int) -> list[Marked]:
        """Keep no event from before a moment; gives those that were kept."""
        with self._changed:
            kept = self._by_session.get(session_id, [])
            self._by_session[session_id] = [m for m in kept if m.at_ns >= before_ns]
            return [m for m in kept if m.at_ns < before_ns]

    def wait(
        self, session_id: str, found: Callable[[Any], bool], since_ns: int, limit_s: float
    ) -> Marked | None:
        """The first event of a kind after a moment; None when none comes in time."""
        deadline_s, place = time.monotonic() + limit_s, 0
        with self._changed:
            while True:
                events = self._by_session.get(session_id, [])
                for marked in events[place:]:
                    if marked.at_ns >= since_ns and found(marked.event):
                        return marked
                place = len(events)
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    return None
                self._changed.wait(left_s)


class Person:
    """A session whose events are looked at.

    Args:
        hearing: hears them.
        session_id: which.
        end: ends it.
        handle: into the engine, where its media are given here.
    """

    def __init__(
        self,
        hearing: Hearing,
        session_id: str,
        end: Callable[[], None],
        handle: LiveHandle | None = None,
    ) -> None:
        self.session_id: Final = session_id
        self._hearing = hearing
        self._end = end
        self._handle = handle
        self._forgotten: set[int] = set()

    def forget(self, before_ns: int) -> None:
        """Keep of the events before a moment only which windows were read; not while waiting.

        Thousands of events would otherwise count as memory of the engine, whose process this is.
        """
        self._forgotten |= _window_ends(self._hearing.forget(self.session_id, before_ns))

    def wait(
        self, found: Callable[[Any], bool], since_ns: int = 0, limit_s: float = PATIENCE_S
    ) -> Marked | None:
        """The first event of a kind after a moment."""
        return self._hearing.wait(self.session_id, found, since_ns, limit_s)

    def waited_ms(
        self, found: Callable[[Any], bool], since_ns: int, limit_s: float = PATIENCE_S
    ) -> float | None:
        """How long after a moment it came."""
        marked = self.wait(found, since_ns, limit_s)
        return None if marked is None else (marked.at_ns - since_ns) / NS_PER_MS

    def gap_hops(self, from_ns: int, to_ns: int) -> float | None:
        """Largest distance between two results, see `judge.gap_hops`."""
        told = [Told(m.at_ns / NS_PER_MS, m.event) for m in self.events]
        return gap_hops(told, from_ns / NS_PER_MS, to_ns / NS_PER_MS, HOP_MS)

    def missing(self) -> int:
        """Windows that were never read, before the last that was."""
        ends = self._forgotten | _window_ends(self.events)
        return 0 if not ends else (max(ends) - min(ends)) // HOP_MS + 1 - len(ends)

    def dropped(self) -> dict[str, int]:
        """Media that the engine did not take in time, by reason."""
        total: dict[str, int] = {}
        for counts in self._handle.statistics().values() if self._handle else ():
            for reason, count in counts.dropped.items():
                total[str(reason)] = total.get(str(reason), 0) + count
        return {reason: count for reason, count in total.items() if count}

    @property
    def over(self) -> bool:
        """Whether its last event has come."""
        return any(marked.event.type == "session.closed" for marked in self.events)

    @property
    def events(self) -> list[Marked]:
        """All events so far."""
        return self._hearing.of(self.session_id)

    def stop(self, limit_s: float = 10.0) -> None:
        """End it and wait for its last event."""
        self._end()
        self.wait(lambda event: event.type == "session.closed", 0, limit_s)


def is_result(event: Event) -> bool:
    """Whether an event is the first reading of a window."""
    return isinstance(event, MeasurementResult)


def _window_ends(events: list[Marked]) -> set[int]:
    """Which windows were read."""
    return {m.event.window.end_ms for m in events if isinstance(m.event, MeasurementResult)}


def reads(modality: Modality) -> Callable[[Event], bool]:
    """Finds a result in which a modality was measured."""
    return lambda e: (
        isinstance(e, MeasurementResult) and e.modalities[modality].source == "measured"
    )


def changes(modality: Modality, *states: str) -> Callable[[Event], bool]:
    """Finds a change of a sensor to one of some states."""
    return lambda e: isinstance(e, SensorHealth) and e.modality == modality and e.state in states


def used(modality: Modality) -> Callable[[Event], bool]:
    """Finds a change after which a sensor counts as measured."""
    return lambda e: isinstance(e, SensorHealth) and e.modality == modality and is_used(e)


def error_of(worker: str) -> Callable[[Event], bool]:
    """Finds the event that says that a worker died."""
    return lambda e: isinstance(e, ErrorEvent) and e.code in DEATHS and e.message.startswith(worker)


class ClipPlayer:
    """Gives the decoded sample at its pace.

    Args:
        handle: takes it.
    """

    def __init__(self, handle: LiveHandle) -> None:
        self._handle = handle
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._play, name="clip", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()

    def _play(self) -> None:
        clip, number, begin_ns = sample_clip(), 0, self._handle.now_ns()
        while not self._ended.is_set():
            t_ns = begin_ns + number * BLOCK_NS
            wait_ns = t_ns + BLOCK_NS - self._handle.now_ns()
            if self._ended.wait(max(0, wait_ns) / 1e9):
                return
            self._handle.sound(clip.sound(number), t_ns)
            if number % 2 == 0:
                self._handle.picture(clip.picture(number // 2), t_ns, PICTURE_NS)
            number += 1


class Rig:
    """A started engine and a server, on this machine alone.

    Args:
        folder: for the speech model.
        words: whether to run speech to text, on an untrained model.
    """

    def __init__(self, folder: Path, *, words: bool = True) -> None:
        asr = str(untrained_whisper(folder / "whisper")) if words else "off"
        self.hearing = Hearing()
        limits = WorkerSettings(memory_mb=MEMORY_MB, text_memory_mb=MEMORY_MB)
        self.engine = LiveEngine(Settings(asr=asr, workers=limits), self.hearing, most=4)
        began_s = time.monotonic()
        # Workers inherit it, those that replace others too.
        paths = [str(HOOKS), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
        self.engine.start()
        self.engine.wait_ready(READY_S)
        self.load_s: Final = time.monotonic() - began_s
        self._server: Server | None = None
        self._people: list[Person] = []
        self.turns: Final = Turns()

    @property
    def server(self) -> Server:
        """The server, started when it is first needed."""
        if self._server is None:
            self._server = Server(self.engine, self.hearing.server)
        return self._server

    @contextmanager
    def listening_on(self, host: str) -> Iterator[str]:
        """Serve on one more address for a while; gives where."""
        self._close_server()
        self._server = Server(self.engine, self.hearing.server, (host,))
        try:
            yield f"http://{host}:{self._server.port}"
        finally:
            self._close_server()

    def pid(self, worker: str) -> int | None:
        """Process id of a worker; None while it is down."""
        return self.engine.worker_pids()[worker]

    def all_up(self, limit_s: float = PATIENCE_S) -> bool:
        """Wait until every worker runs and is read from."""
        person = self.play()
        fine = person.wait(reads("face"), 0, limit_s) and person.wait(reads("audio"), 0, limit_s)
        person.stop()
        return fine is not None and None not in self.engine.worker_pids().values()

    def play(self, *, decoded: bool = False) -> Person:
        """A session on the bundled sample, again and again.

        Args:
            decoded: give what was decoded before, rather than decode all the time.
        """
        handle: LiveHandle = self.engine.open(Opening("p1", "test"))
        player: FilePlayer | ClipPlayer = (
            ClipPlayer(handle) if decoded else FilePlayer(sample_path(), handle, loop=True)
        )
        player.start()

        def end() -> None:
            player.stop()
            handle.end("end")

        person = Person(self.hearing, handle.session_id, end, handle)
        self._people.append(person)
        return person

    def tidy(self) -> None:
        """End sessions that a scenario has left behind."""
        people, self._people = self._people, []
        for person in people:
            if not person.over:
                person.stop()

    def respawned_ms(self, worker: str, old: int, since_ns: int) -> float | None:
        """How long after a moment another process had taken a worker's place."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            pid = self.pid(worker)
            if pid is not None and pid != old:
                return (time.monotonic_ns() - since_ns) / NS_PER_MS
            time.sleep(0.005)
        return None

    def close(self) -> list[int]:
        """End everything.

        Returns:
            processes that were left behind.
        """
        paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        os.environ["PYTHONPATH"] = os.pathsep.join(p for p in paths if p != str(HOOKS))
        self._close_server()
        pids = [pid for pid in self.engine.worker_pids().values() if pid is not None]
        self.engine.close()
        return [pid for pid in pids if Path(f"/proc/{pid}").exists()]

    def _close_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


def resident_mib(pid: int | None = None) -> float:
    """Memory that a process holds, as Linux counts it."""
    status = Path(f"/proc/{os.getpid() if pid is None else pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")
