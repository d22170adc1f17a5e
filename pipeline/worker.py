"""Program of a worker process: `python -m tacit.pipeline.worker face|audio|text|recognizer`.

Reads a `Job` from stdin, loads its models, says that it is ready, waits for `Go`, then works until
its stream ends, if it is not a live one. It stays until stdin ends, since its parent may not have
read everything yet. End-of-file means that the parent is done or gone: the worker ends at once,
whatever it is doing.
"""

import contextlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ..models.errors import ModelError
from ..stream.bus import BusReceiver, BusSender
from ..stream.errors import StreamError
from ..stream.packet import Packet
from ..stream.wire import Message, message_to_packet, packet_to_message
from .job import BEAT, MODALITY_OF_WORKER, OFFERED, PIECES, STAMPS, Go, Job
from .watch import BEAT_NS

_NS_PER_S = 1_000_000_000
_NS_PER_MS = 1_000_000
EXIT_FAILED = 3
MOST_AT_ONCE = 16
"""Pieces of live media that a stage takes together when it has fallen behind."""


def main() -> None:
    """Run the worker named by the first argument."""
    # Ctrl-C reaches the whole process group; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    name = sys.argv[1]
    job = Job.model_validate_json(sys.stdin.buffer.readline())
    parent = Parent()
    try:
        if name == "recognizer":
            recognize(job, parent)
        elif name in ("microphone", "camera"):
            capture(name, job, parent)
        elif job.live:
            serve(name, job, parent)
        else:
            extract(name, job, parent)
    except (StreamError, ModelError) as exc:
        sys.stderr.write(f"{exc}\n")
        sys.stderr.flush()
        # A thread may be inside a driver or waiting on stdin: Python's own way out would abort.
        os._exit(EXIT_FAILED)


def extract(name: str, job: Job, parent: "Parent") -> None:
    """Turn one media stream into features until it ends."""
    from .stages.build import build_stage

    modality = MODALITY_OF_WORKER[name]
    with _sender(name, job) as sender:
        stage = build_stage(modality, job)
        _send(sender, Message("ready", {"modality": modality}))
        go = parent.go()
        for packet in _paced(stage.packets(go), go):
            _send(sender, packet_to_message(packet))
        # Closing the bus would drop what a slower parent has not read yet; it closes stdin when
        # it has read everything, and that ends this process.
        threading.Event().wait()


def serve(name: str, job: Job, parent: "Parent") -> None:
    """Turn the media of live streams, as they come over the bus, into features."""
    from .stages.host import join_sound, open_host

    assert job.listen is not None
    modality = MODALITY_OF_WORKER[name]
    with (
        BusReceiver(job.listen, bind=False, options=job.bus_options) as receiver,
        _sender(name, job) as sender,
    ):
        host = open_host(modality, job, job.live)
        _send(sender, Message("ready", {"modality": modality}))
        parent.go()
        pulse = Pulse(sender)
        while True:
            batch: list[Packet] = []
            while len(batch) < MOST_AT_ONCE:
                message = receiver.receive(0 if batch else BEAT_NS / _NS_PER_S)
                if message is None:
                    break
                batch.append(message_to_packet(message))
            pulse.beat()
            for media in join_sound(batch):
                taken_ns = time.monotonic_ns()
                facts = {PIECES: media.meta.get(PIECES, 1)}
                for packet in host.take(media):
                    stamps = [media.meta.get(OFFERED, taken_ns), taken_ns, time.monotonic_ns()]
                    meta = {**packet.meta, **facts, STAMPS: stamps}
                    _send(sender, packet_to_message(replace(packet, meta=meta)))


def capture(name: str, job: Job, parent: "Parent") -> None:
    """Send what a device gives until it fails or the parent ends; what is not taken is lost."""
    from .live.devices import open_device

    with _sender(name, job) as sender:
        _send(sender, Message("ready", {}))
        go = parent.go()
        with open_device(name, job, go) as device:
            for packet in device.packets():
                sender.send(packet_to_message(packet))


def recognize(job: Job, parent: "Parent") -> None:
    """Answer windows with predictions until the parent ends."""
    from .messages import message_to_window, prediction_to_message
    from .stages.build import build_recognizer

    assert job.listen is not None
    with (
        BusReceiver(job.listen, bind=False, options=job.bus_options) as receiver,
        _sender("recognizer", job) as sender,
    ):
        recognizer = build_recognizer(job.settings)
        identity: dict[str, Any] = {
            "id": recognizer.model_id,
            "sha256": recognizer.sha256,
            "dims": dict(recognizer.config.dims),
        }
        _send(sender, Message("ready", identity))
        parent.go()
        pulse = Pulse(sender)
        while True:
            message = receiver.receive(BEAT_NS / _NS_PER_S)
            pulse.beat()
            if message is None:
                continue
            number, window = message_to_window(message)
            prediction = recognizer.predict(window, expired=_deadline(job))
            _send(sender, prediction_to_message(number, prediction))


def _deadline(job: Job) -> Callable[[], bool]:
    """Says from now on whether a live window's recovery has taken too long; never in a replay."""
    if not job.live:
        return lambda: False
    latest_ns = time.monotonic_ns() + job.settings.recovery.deadline_ms * _NS_PER_MS
    return lambda: time.monotonic_ns() > latest_ns


def _sender(name: str, job: Job) -> BusSender:
    return BusSender(job.publish, source=name, bind=False, epoch=job.epoch, options=job.bus_options)


def _send(sender: BusSender, message: Message) -> None:
    """Wait for room as long as it takes: a slow session slows its workers, and loses nothing."""
    while not sender.send(message, 1.0):
        continue


def _paced(packets: Iterator[Packet], go: Go) -> Iterator[Packet]:
    for packet in packets:
        if go.anchor_ns is not None:
            due_ns = go.anchor_ns + int(packet.t_available_ns / go.speed)
            delay_ns = due_ns - time.monotonic_ns()
            if delay_ns > 0:
                time.sleep(delay_ns / _NS_PER_S)
        yield packet


class Pulse:
    """Says that this worker lives, as its work allows: one that hangs has no pulse.

    Args:
        sender: to the supervisor.
    """

    def __init__(self, sender: BusSender) -> None:
        self._sender = sender
        self._beaten_ns = 0

    def beat(self) -> None:
        """Say so if that is due; a parent that is too slow to hear it is not waited for."""
        now_ns = time.monotonic_ns()
        if now_ns - self._beaten_ns >= BEAT_NS:
            self._beaten_ns = now_ns
            self._sender.send(Message(BEAT, {}), 0.0)


class Parent:
    """Orders of the parent, on stdin; when it is gone this process ends, whatever it is doing."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="parent-watch", daemon=True).start()

    def go(self) -> Go:
        """Wait for the start signal."""
        order = Go.model_validate_json(self._orders.get())
        _end_by_signal()
        return order

    def _listen(self) -> None:
        while line := sys.stdin.buffer.readline():
            self._orders.put(line)
        os._exit(0)


def _end_by_signal() -> None:
    """Have the system end this process when stdin ends.

    A thread cannot: native code that hangs may hold Python's lock for ever.
    """
    if sys.platform != "linux":
        return
    import fcntl

    with contextlib.suppress(OSError):
        stdin = sys.stdin.fileno()
        fcntl.fcntl(stdin, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(stdin, fcntl.F_GETFL)
        # SIGIO's default is to end the process; after the start signal nothing else is sent.
        fcntl.fcntl(stdin, fcntl.F_SETFL, flags | os.O_ASYNC)


if __name__ == "__main__":
    main()
