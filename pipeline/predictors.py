"""Who reads the windows: the recognizer in this process, or in a worker that can be replaced."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from ..models.features import (
    MODALITIES,
    FeatureWindow,
    Modality,
    Prediction,
    nothing_claimed,
)
from ..stream.bus import BusReceiver, BusSender
from ..stream.errors import RemoteError
from ..stream.packet import NS_PER_MS, NS_PER_S
from ..stream.wire import Message
from .config import Settings
from .feeds import READY_NS, StartError
from .job import BEAT, Go, Job
from .messages import message_to_prediction, window_to_message
from .stages.build import build_recognizer
from .supervisor import Care, Death, RestartRule, Supervised, WorkerProcess
from .watch import Deadlines

if TYPE_CHECKING:
    import zmq

    from ..models.recognizer import Recognizer

MAX_IN_FLIGHT: Final = 8
READING: Final = Deadlines(NS_PER_S, soft_ns=400 * NS_PER_MS)
ANSWER_NS: Final = 350 * NS_PER_MS
"""How long a live window waits for a reader that is down; with its hop that is less than two."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which weights the predictions rest on.

    Attributes:
        id: short name.
        sha256: over all checkpoints.
        dims: length of each modality's feature vectors.
    """

    id: str
    sha256: str
    dims: Mapping[Modality, int]


class Predictor(Protocol):
    """Turns windows into predictions, in the order in which they were submitted."""

    def launch(self) -> None:
        """Begin to load the model."""

    def ready(self) -> ModelIdentity:
        """Wait until the model is loaded.

        Raises:
            StartError, ModelError: it cannot be loaded.
        """

    def submit(self, job: int, window: FeatureWindow) -> None:
        """Ask for a prediction; `job` identifies it."""

    def poll(self, timeout_s: float = 0.0) -> list[tuple[int, Prediction, int]]:
        """What is ready: job, prediction, ns it took since it was sent; waits at most so long."""

    def deaths(self) -> list[Death]:
        """Workers that died since the last call."""

    def close(self) -> None:
        """End it."""


class InlinePredictor:
    """Reads windows in this process.

    Args:
        job: settings name the weights.
        build: gives the recognizer; None to load it anew.
    """

    def __init__(self, job: Job, build: Callable[[Settings], "Recognizer"] | None = None) -> None:
        self._job = job
        self._build = build or build_recognizer
        self._done: list[tuple[int, Prediction, int]] = []

    def launch(self) -> None:
        """Nothing to do ahead."""

    def ready(self) -> ModelIdentity:
        """Load the recognizer."""
        self._recognizer = self._build(self._job.settings)
        return ModelIdentity(
            self._recognizer.model_id,
            self._recognizer.sha256,
            dict(self._recognizer.config.dims),
        )

    def submit(self, job: int, window: FeatureWindow) -> None:
        """Read the window at once."""
        began_ns = time.monotonic_ns()
        prediction = self._recognizer.predict(window)
        self._done.append((job, prediction, time.monotonic_ns() - began_ns))

    def poll(self, timeout_s: float = 0.0) -> list[tuple[int, Prediction, int]]:
        """Everything submitted since the last call; never waits."""
        done, self._done = self._done, []
        return done

    def deaths(self) -> list[Death]:
        """Never any: there is no worker."""
        return []

    def close(self) -> None:
        """Nothing to end."""


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A window on its way to the worker, or in it since `sent_ns`."""

    job: int
    window: FeatureWindow
    since_ns: int
    sent_ns: int = 0


class WorkerPredictor:
    """Reads windows in a worker process; what was under way when it dies is asked again.

    Args:
        job: endpoints and settings.
        folder: private folder for the log.
        rule: when a dead worker comes back.
        patience_ns: a window that has waited so long for a worker that is down or silent is
            answered with nothing claimed; None: it waits until the worker is back.
    """

    def __init__(
        self,
        job: Job,
        folder: Path,
        rule: RestartRule | None = None,
        patience_ns: int | None = None,
    ) -> None:
        assert job.listen is not None
        process = WorkerProcess("recognizer", folder, job.settings.threads)
        care = Care(READING, job.settings.workers.memory_bytes("recognizer"))
        self._worker = Supervised(process, job, rule, care)
        self._patience_ns = patience_ns
        self._receiver = BusReceiver(job.publish, bind=True, options=job.bus_options)
        self._sender = BusSender(job.listen, source="session", bind=True, options=job.bus_options)
        self._waiting: deque[_Asked] = deque()
        self._in_flight: dict[int, _Asked] = {}
        self._identity: ModelIdentity | None = None
        self._deaths: list[Death] = []
        self.unread = 0
        """Windows that were answered with nothing claimed, because nothing else came."""

    @property
    def pid(self) -> int | None:
        """Process id of the worker; None while it is down."""
        return self._worker.process.pid

    @property
    def care(self) -> dict[str, int]:
        """How often the worker was started again, was silent for too long, and left unread."""
        return {
            "recognizer_restarts": self._worker.epoch,
            "recognizer_silences": self._worker.silences,
            "recognizer_unread": self.unread,
        }

    @property
    def socket(self) -> "zmq.Socket[bytes]":
        """What to poll for predictions."""
        return self._receiver.socket

    def launch(self) -> None:
        """Start the worker without waiting, so that others can load meanwhile."""
        self._worker.start()

    def ready(
        self, patience_ns: int = READY_NS, stopped: Callable[[], bool] = bool
    ) -> ModelIdentity:
        """Wait until the launched worker has loaded its weights.

        Args:
            patience_ns: for how long.
            stopped: asked meanwhile; True ends the wait.

        Raises:
            StartError: it died, took too long, or nobody waits any more.
        """
        deadline_ns = time.monotonic_ns() + patience_ns
        while self._identity is None:
            if stopped():
                raise StartError("recognizer worker: stopped while it was loading")
            self._receive(0.05)
            death = self._worker.check(time.monotonic_ns())
            if death is not None:
                raise StartError(death.detail)
            if time.monotonic_ns() > deadline_ns:
                raise StartError(f"recognizer worker: not ready in {patience_ns // NS_PER_S} s")
        return self._identity

    def submit(self, job: int, window: FeatureWindow) -> None:
        """Queue a window."""
        self._waiting.append(_Asked(job, window, time.monotonic_ns()))
        self._send()

    def poll(self, timeout_s: float = 0.0) -> list[tuple[int, Prediction, int]]:
        """Take in predictions, send on windows, look after the worker."""
        done = self._receive(timeout_s)
        now_ns = time.monotonic_ns()
        if not self._worker.revive(now_ns):
            death = self._worker.check(now_ns)
            if death is not None:
                self._deaths.append(death)
                self._waiting.extendleft(reversed(self._in_flight.values()))
                self._in_flight.clear()
        done += self._given_up(now_ns)
        self._send()
        return done

    def deaths(self) -> list[Death]:
        """Deaths of the worker since the last call."""
        deaths, self._deaths = self._deaths, []
        return deaths

    def close(self) -> None:
        """End the worker."""
        self._worker.process.close()
        self._sender.close()
        self._receiver.close()

    def _send(self) -> None:
        while self._worker.ready and self._waiting and len(self._in_flight) < MAX_IN_FLIGHT:
            asked = self._waiting[0]
            if not self._sender.send(window_to_message(asked.job, asked.window), 0):
                return
            self._waiting.popleft()
            self._in_flight[asked.job] = replace(asked, sent_ns=time.monotonic_ns())

    def _given_up(self, now_ns: int) -> list[tuple[int, Prediction, int]]:
        """Answers for windows that have waited too long; what comes for them later is ignored."""
        if self._patience_ns is None or self._worker.answering:
            return []
        latest_ns = now_ns - self._patience_ns
        late = [a for a in (*self._in_flight.values(), *self._waiting) if a.since_ns <= latest_ns]
        for asked in late:
            self._in_flight.pop(asked.job, None)
        self._waiting = deque(a for a in self._waiting if a.since_ns > latest_ns)
        return [self._unread(asked, now_ns) for asked in late]

    def _unread(self, asked: _Asked, now_ns: int) -> tuple[int, Prediction, int]:
        self.unread += 1
        window = asked.window
        return asked.job, nothing_claimed(window.t0_ns, window.t1_ns), now_ns - asked.since_ns

    def _receive(self, timeout_s: float) -> list[tuple[int, Prediction, int]]:
        done = []
        message = self._receiver.receive(timeout_s)
        while message is not None:
            now_ns = time.monotonic_ns()
            self._worker.heard(now_ns)
            if message.kind == "ready":
                self._on_ready(message)
            elif message.kind != BEAT:
                answer = self._answer(message, now_ns)
                if answer is not None:
                    done.append(answer)
            message = self._receiver.receive(0)
        return done

    def _on_ready(self, message: Message) -> None:
        self._worker.ready = True
        fields = message.fields
        dims = fields["dims"]
        assert isinstance(dims, dict)
        self._identity = ModelIdentity(
            str(fields["id"]),
            str(fields["sha256"]),
            {m: int(dims[m]) for m in MODALITIES},
        )
        self._worker.process.tell(Go())

    def _answer(self, message: Message, now_ns: int) -> tuple[int, Prediction, int] | None:
        """An answer; one that cannot be understood claims nothing."""
        try:
            job, prediction = message_to_prediction(message)
        except RemoteError:
            number = message.fields.get("job")
            asked = self._in_flight.pop(number, None) if isinstance(number, int) else None
            return None if asked is None else self._unread(asked, now_ns)
        asked = self._in_flight.pop(job, None)
        return None if asked is None else (job, prediction, now_ns - asked.sent_ns)
