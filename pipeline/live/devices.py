"""The microphone and camera of this machine as sources of a live session.

Each is read in a process of its own, because drivers hang and PortAudio looks for devices only
once. A device that goes away is looked for again, by the same name, until the session ends.
"""

import logging
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import zmq

from ...stream.bus import BusReceiver
from ...stream.endpoints import BusPlace, bus_place
from ...stream.errors import RemoteError
from ...stream.packet import NS_PER_S, Modality, Packet
from ...stream.wire import message_to_packet
from ..config import Settings
from ..job import Go, Job
from ..plan import on_bus
from ..supervisor import Care, Death, RestartRule, Supervised, WorkerProcess
from ..watch import Deadlines
from .handle import LiveHandle

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ...stream.camera import Camera
    from ...stream.microphone import Microphone

DEVICE_LOST: Final = "device_lost"
WORKERS: Final[Mapping[Modality, str]] = {"audio": "microphone", "face": "camera"}
AGAIN: Final = RestartRule(most_ns=8 * NS_PER_S, breaker_deaths=1_000_000)
"""A device may come back after hours: it is looked for every 8 s at least, and never given up."""
CAPTURING: Final = Deadlines(3 * NS_PER_S // 2)
"""Both give something many times a second, and say so themselves when their device stops."""
OPEN_NS: Final = 15 * NS_PER_S
"""Some cameras take seconds to open, and the worker is silent meanwhile."""
POLL_MS: Final = 50
JOIN_S: Final = 5.0
log = logging.getLogger(__name__)


class ReadAnchored:
    """Session time in a worker process.

    Args:
        anchor_ns: monotonic clock reading that is session time 0.
    """

    def __init__(self, anchor_ns: int) -> None:
        self._anchor_ns = anchor_ns

    def now_ns(self) -> int:
        """Session time; the monotonic clock is one for all processes of a machine."""
        return time.monotonic_ns() - self._anchor_ns


def open_device(worker: str, job: Job, go: Go) -> "AbstractContextManager[Microphone | Camera]":
    """Open what a capture worker reads.

    Args:
        worker: "microphone" or "camera".
        job: names the device.
        go: says when session time began.

    Raises:
        DeviceError: it is not there or does not open.
    """
    clock = ReadAnchored(go.anchor_ns or 0)
    if worker == "microphone":
        from ...stream.microphone import Microphone

        return Microphone(job.device, clock, participant=job.participant, epoch=job.epoch)
    from ...stream.camera import Camera

    return Camera(job.device, clock, participant=job.participant, epoch=job.epoch)


class Reporter(Protocol):
    """Is told what becomes of the devices; called on the source's thread."""

    def device_failed(self, modality: Modality, detail: str) -> None:
        """A device is gone; it is looked for."""


class _Device:
    """One capture worker and the bus end that its packets come in at."""

    def __init__(self, modality: Modality, job: Job, folder: Path) -> None:
        self.modality = modality
        self.told: set[str] = set()
        self.receiver = BusReceiver(job.publish, bind=True, options=job.bus_options)
        process = WorkerProcess(WORKERS[modality], folder, job.settings.threads)
        name = WORKERS[modality]
        care = Care(CAPTURING, job.settings.workers.memory_bytes(name))
        self.worker = Supervised(process, job, AGAIN, care)
        self.opening_ns: int | None = None
        self.overflows = 0

    def close(self) -> None:
        self.worker.process.close()
        self.receiver.close(0.0)


class DeviceSource:
    """Reads devices into a live session until it is closed.

    Args:
        handle: of the session.
        devices: per modality ("audio", "face") the name of the device; see `find_microphone` and
            `find_camera`.
        settings: of the run.
        report: is told when a device is gone.
    """

    def __init__(
        self,
        handle: LiveHandle,
        devices: Mapping[Modality, str],
        settings: Settings,
        report: Reporter,
    ) -> None:
        self._handle = handle
        self._names = dict(devices)
        self._settings = settings
        self._report = report
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._main, name="tacit-devices", daemon=True)

    def start(self) -> None:
        """Begin to open the devices; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """Give the devices back and wait for that."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(JOIN_S)

    def _main(self) -> None:
        with ExitStack() as stack:
            place = stack.enter_context(bus_place())
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tacit-log-")))
            devices = [self._open(m, name, place, folder) for m, name in self._names.items()]
            poller = zmq.Poller()
            for device in devices:
                stack.callback(device.close)
                poller.register(device.receiver.socket, zmq.POLLIN)
                device.worker.start()
            while not self._stop.is_set() and not self._handle.closed:
                poller.poll(POLL_MS)
                for device in devices:
                    self._take(device)
                    self._look_after(device, time.monotonic_ns())

    def _open(self, modality: Modality, name: str, place: BusPlace, folder: Path) -> _Device:
        job = Job(settings=self._settings, participant=self._handle.participant, device=name)
        return _Device(modality, on_bus(job, place, WORKERS[modality]), folder)

    def _take(self, device: _Device) -> None:
        while (message := device.receiver.receive(0)) is not None:
            if message.kind == "ready":
                device.worker.ready = True
                device.opening_ns = time.monotonic_ns()
                device.worker.process.tell(Go(anchor_ns=self._handle.clock.anchor_ns))
                continue
            try:
                packet = message_to_packet(message)
            except RemoteError:
                continue
            if packet.epoch == device.worker.epoch:
                device.told.clear()
                device.opening_ns = None
                device.worker.heard(time.monotonic_ns())
                self._forward(device, packet)

    def _forward(self, device: _Device, packet: Packet) -> None:
        if packet.modality == "audio":
            overflows = packet.meta.get("overflows", 0)
            assert isinstance(overflows, int)
            lost, device.overflows = overflows > device.overflows, overflows
            self._handle.sound(packet.data, packet.t_capture_ns, overflowed=lost)
        else:
            self._handle.picture(packet.data, packet.t_capture_ns, packet.duration_ns)

    def _look_after(self, device: _Device, now_ns: int) -> None:
        if device.worker.revive(now_ns):
            return
        opening_ns = device.opening_ns
        if opening_ns is not None and now_ns - opening_ns < OPEN_NS:
            device.worker.heard(now_ns)
        death: Death | None = device.worker.check(now_ns)
        # A device that stays away fails at every attempt; that is said once.
        if death is not None and death.detail not in device.told:
            device.told.add(death.detail)
            log.warning("%s", death.detail)
            self._report.device_failed(device.modality, death.detail)
