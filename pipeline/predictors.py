"""Who reads the windows: the recognizer in this process, or in a worker that can be replaced."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from ..models.features import MODALITIES, FeatureWindow, Modality, Prediction
from ..stream.bus import BusReceiver, BusSender
from ..stream.packet import NS_PER_S
from .config import Settings
from .feeds import READY_NS, StartError
from .job import Go, Job
from .messages import message_to_prediction, window_to_message
from .stages.build import build_recognizer
from .supervisor import Death, RestartRule, Supervised, WorkerProcess

if TYPE_CHECKING:
    import zmq

    from ..models.recognizer import Recognizer

MAX_IN_FLIGHT: Final = 8


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


class WorkerPredictor:
    """Reads windows in a worker process; what was under way when it dies is asked again.

    Args:
        job: endpoints and settings.
        folder: private folder for the log.
        rule: when a dead worker comes back.
    """

    def __init__(self, job: Job, folder: Path, rule: RestartRule | None = None) -> None:
        assert job.listen is not None
        process = WorkerProcess("recognizer", folder, job.settings.threads)
        self._worker = Supervised(process, job, rule)
        self._receiver = BusReceiver(job.publish, bind=True, options=job.bus_options)
        self._sender = BusSender(job.listen, source="session", bind=True, options=job.bus_options)
        self._waiting: deque[tuple[int, FeatureWindow]] = deque()
        self._in_flight: dict[int, tuple[FeatureWindow, int]] = {}
        self._identity: ModelIdentity | None = None
        self._deaths: list[Death] = []

    @property
    def pid(self) -> int | None:
        """Process id of the worker; None while it is down."""
        return self._worker.process.pid

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
        self._waiting.append((job, window))
        self._send()

    def poll(self, timeout_s: float = 0.0) -> list[tuple[int, Prediction, int]]:
        """Take in predictions, send on windows, look after the worker."""
        done = self._receive(timeout_s)
        now_ns = time.monotonic_ns()
        if not self._worker.revive(now_ns):
            death = self._worker.check(now_ns)
            if death is not None:
                self._deaths.append(death)
                again = [(job, window) for job, (window, _) in self._in_flight.items()]
                self._in_flight.clear()
                self._waiting.extendleft(reversed(again))
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
            job, window = self._waiting[0]
            if not self._sender.send(window_to_message(job, window), 0):
                return
            self._waiting.popleft()
            self._in_flight[job] = (window, time.monotonic_ns())

    def _receive(self, timeout_s: float) -> list[tuple[int, Prediction, int]]:
        done = []
        message = self._receiver.receive(timeout_s)
        while message is not None:
            if message.kind == "ready":
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
            else:
                job, prediction = message_to_prediction(message)
                asked = self._in_flight.pop(job, None)
                if asked is not None:
                    done.append((job, prediction, time.monotonic_ns() - asked[1]))
            message = self._receiver.receive(0)
        return done
