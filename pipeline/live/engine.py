"""The live engine: a thread that joins sources, stage workers and the recognizer.

It owns every bus end of the live graph, since those belong to one thread. The outside talks to it
through handles, which take media from any thread, and through `ask`.
"""

import logging
import secrets
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import zmq

from ...models.errors import ModelError
from ...models.features import Modality
from ...models.manifest import read_verified
from ...models.whisper_weights import resolve_whisper
from ...stream.bus import BusOptions
from ...stream.endpoints import BusPlace, bus_place
from ...stream.errors import StreamError
from ...stream.limits import MAX_SESSIONS
from ...stream.packet import MODALITIES
from ...stream.publisher import Publisher
from ..config import Settings
from ..consent import Terms
from ..doctor import checkpoints
from ..errors import UserError
from ..feeds import StartError
from ..handover import Handover
from ..inject import parse_injections
from ..intake import SessionSetup, Tap
from ..job import Job
from ..plan import OPTIONAL_ASR, on_bus
from ..predictors import ANSWER_NS, ModelIdentity, WorkerPredictor
from .broadcast import Broadcast
from .handle import LiveHandle, Piece
from .loop import EngineFailed, Listener, LiveLoop, Seat
from .pool import READY_NS, StagePool
from .session import LiveSession

T = TypeVar("T")
POLL_MS: Final = 20
PUBLISHED: Final = 256
"""Messages that wait for a reader of events; a result and its like come a few times a second."""
JOIN_S: Final = 10.0
log = logging.getLogger(__name__)


class EngineError(UserError):
    """The engine cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class LivePlan:
    """What runs here in live sessions.

    Attributes:
        jobs: per modality that can be read.
        disabled: per modality that cannot, why.
    """

    jobs: dict[Modality, Job]
    disabled: dict[Modality, str]


def live_plan(settings: Settings, sessions: int) -> LivePlan:
    """Check everything that can be checked before a process is started.

    Args:
        settings: of the run.
        sessions: most live sessions at a time.

    Raises:
        CheckpointError: weights are missing or damaged.
        ModelError: the speech model that was asked for is not there.
    """
    for kind in checkpoints(settings.weights):
        read_verified(settings.weights / kind, kind)
    whisper = resolve_whisper(settings.asr)
    if whisper.path is None and settings.asr not in OPTIONAL_ASR:
        raise ModelError(whisper.reason)
    disabled: dict[Modality, str] = {} if whisper.path else {"text": whisper.reason}
    # One more than sessions: one that ends may still be in a stage when the next one begins.
    job = Job(settings=settings, asr=whisper.path, live=sessions + 1)
    return LivePlan({m: job for m in MODALITIES if m not in disabled}, disabled)


@dataclass(frozen=True, slots=True)
class Opening:
    """What a live session is to be.

    Attributes:
        participant: who takes part.
        source: what events call the source, such as "webrtc".
        absent: modalities that the source does not have, with the reason.
        inject: damage from the start, see `inject`.
        views: give viewers the face's outline and the sound's level.
        tap_of: gives what is told all inputs of the session; called before the first of them.
        keep: is given all media of the session as they come, see `LiveHandle`.
        terms: purpose and consent; None: those of whoever runs the program.
    """

    participant: str = "p1"
    source: str = "live"
    absent: dict[Modality, str] | None = None
    inject: str = ""
    views: bool = True
    tap_of: Callable[[SessionSetup, ModelIdentity], Tap] | None = None
    keep: Callable[[Piece], None] | None = None
    terms: Terms | None = None


class LiveEngine:
    """Runs live sessions.

    Args:
        settings: of the run.
        listener: is told all events, on the engine's thread.
        most: sessions at a time.
        publish: endpoint at which other programs find all events; None for a private one.
    """

    def __init__(
        self,
        settings: Settings,
        listener: Listener,
        most: int = MAX_SESSIONS,
        publish: str | None = None,
    ) -> None:
        self.plan: Final = live_plan(settings, most)
        self.most: Final = most
        self.settings: Final = settings
        self.identity: ModelIdentity | None = None
        self.failure = ""
        self.overload_level = 0
        self.handovers: list[Handover] = []
        self.care: Callable[[], dict[str, int]] = dict
        self.events_endpoint = publish or ""
        self._pids: Callable[[], dict[str, int | None]] = dict
        self._listener = listener
        self._commands: deque[Callable[[LiveLoop], None]] = deque()
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._pipe: tuple[socket.socket, socket.socket] | None = None
        self._thread = threading.Thread(target=self._main, name="tacit-live", daemon=True)

    @property
    def ready(self) -> bool:
        """Whether everything is loaded and works."""
        return self._ready.is_set() and not self.failure

    def start(self) -> None:
        """Begin to load the models; returns at once."""
        self._pipe = socket.socketpair()
        for end in self._pipe:
            end.setblocking(False)
        self._thread.start()

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until the models are loaded.

        Raises:
            EngineError: they cannot be loaded, or took too long.
        """
        if not self._ready.wait(timeout_s):
            raise EngineError(f"the models are not loaded after {timeout_s} s")
        if self.failure:
            raise EngineError(self.failure)

    def open(self, opening: Opening) -> LiveHandle:
        """Begin a session; its time 0 is now.

        Raises:
            EngineError: not ready, or too many sessions.
            ConsentError: nobody may be read under these terms.
            InjectError: the damage cannot be understood, or not be done to a live stream.
        """
        if self.failure or self.identity is None:
            raise EngineError(self.failure or "still loading the models: try again in a moment")
        name = f"live-{secrets.token_hex(12)}"
        handle = LiveHandle(name, opening.participant, self.wake, opening.keep)
        setup = SessionSetup(
            handle.session_id,
            opening.participant,
            opening.source,
            self.settings,
            {**self.plan.disabled, **(opening.absent or {})},
            handle.clock.anchor_utc,
            terms=opening.terms,
        )
        tap = opening.tap_of and opening.tap_of(setup, self.identity)
        session = LiveSession(setup, self.identity, handle.clock, handle.clock.anchor_ns, tap)
        session.damage.plan(parse_injections(opening.inject))
        seat = Seat(handle, session, opening.views)
        self._post(lambda loop: loop.add(seat, time.monotonic_ns()))
        return handle

    def ask(self, session_id: str, question: Callable[[LiveSession], T]) -> "Future[T]":
        """Run something on a session, on the engine's thread.

        Returns:
            the answer to come; a `KeyError` where there is no such session.
        """
        future: Future[T] = Future()

        def run(loop: LiveLoop) -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(question(loop.seats[session_id].session))
            except Exception as exc:  # noqa: BLE001 - it belongs to whoever asked
                future.set_exception(exc)

        self._post(run)
        return future

    def source_failed(self, session_id: str, modality: Modality, code: str, detail: str) -> None:
        """Say that a session's source of a modality is gone until it comes back; from any thread.

        Args:
            session_id: which session.
            modality: what the source gave.
            code: why, for programs.
            detail: why, in one line.
        """
        failure = (code, detail)
        self._post(
            lambda loop: loop.source_failed(session_id, modality, failure, time.monotonic_ns())
        )

    def worker_pids(self) -> dict[str, int | None]:
        """Process ids of the workers by name; None for one that is down."""
        return self._pids()

    def wake(self) -> None:
        """Tell the thread that there is something to do; a full pipe says so already."""
        if self._pipe is not None:
            with suppress(OSError):
                self._pipe[0].send(b"\0")

    def close(self) -> None:
        """End all sessions and workers, and wait for that."""
        self._stop.set()
        self.wake()
        if self._thread.ident is not None:
            self._thread.join(JOIN_S)
        for end in self._pipe or ():
            end.close()

    def _post(self, command: Callable[[LiveLoop], None]) -> None:
        self._commands.append(command)
        self.wake()

    def _main(self) -> None:
        try:
            with ExitStack() as stack:
                self._run(stack)
        except (EngineFailed, StartError, StreamError, ModelError) as exc:
            self.failure = str(exc)
            if not self._stop.is_set():
                log.error("live engine: %s", exc)
        finally:
            self._ready.set()

    def _run(self, stack: ExitStack) -> None:
        place = stack.enter_context(bus_place())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tacit-log-")))
        reader = Job(settings=self.settings, live=1)
        reading = _listening(on_bus(reader, place, "recognizer"), place, "w")
        jobs = {
            m: _listening(on_bus(job, place, m), place, f"to-{m}")
            for m, job in self.plan.jobs.items()
        }
        pool = StagePool(jobs, folder)
        stack.callback(pool.close)
        predictor = WorkerPredictor(reading, folder, patience_ns=ANSWER_NS)
        stack.callback(predictor.close)
        pool.launch()
        predictor.launch()
        pool.ready(self._stop.is_set)
        self.identity = predictor.ready(READY_NS, self._stop.is_set)
        self._pids = lambda: {**pool.workers, "recognizer": predictor.pid}
        self.care = lambda: {**pool.care, **predictor.care}
        if not self.events_endpoint:
            self.events_endpoint = place.endpoint("events")
        publisher = Publisher(self.events_endpoint, BusOptions(PUBLISHED))
        stack.callback(publisher.close, 0.0)
        loop = LiveLoop(pool, predictor, Broadcast(publisher, self._listener))
        self._ready.set()
        poller = zmq.Poller()
        for end in (*pool.sockets, predictor.socket, publisher.socket):
            poller.register(end, zmq.POLLIN)
        assert self._pipe is not None
        woken = self._pipe[1]
        poller.register(woken.fileno(), zmq.POLLIN)
        try:
            while not self._stop.is_set():
                poller.poll(POLL_MS)
                with suppress(OSError):
                    while woken.recv(4096):
                        continue
                while self._commands:
                    self._commands.popleft()(loop)
                loop.step(time.monotonic_ns())
                publisher.serve()
                self.overload_level = int(loop.overload.level)
                self.handovers = loop.handovers
        finally:
            loop.close("interrupted" if self._stop.is_set() else "error", time.monotonic_ns())


def _listening(job: Job, place: BusPlace, name: str) -> Job:
    return job.model_copy(update={"listen": place.endpoint(name)})
