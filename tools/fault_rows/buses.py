"""Rows 38 to 40: programs on the bus that restart, freeze, read slowly or come late."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import zmq
from zmq.utils.monitor import recv_monitor_message

from tacit.pipeline.faults.outcome import Outcome
from tacit.stream.bus import BusOptions, BusReceiver, BusSender
from tacit.stream.endpoints import bus_place
from tacit.stream.errors import BusError
from tacit.stream.packet import NS_PER_MS
from tacit.stream.publisher import Publisher
from tacit.stream.wire import Message
from tools.fault_rows.registry import Setting, fault
from tools.fault_rows.rig import resident_mib

PERIOD_S: Final = 0.02
PATIENCE_S: Final = 30.0
STALL_S: Final = 8.0
MOST_AGE_S: Final = 1.0


@contextmanager
def speaker(endpoint: str, epoch: int) -> "Iterator[subprocess.Popen[bytes]]":
    """A process that publishes a message every 20 ms until it is killed."""
    command = [sys.executable, "-m", "tools.fault_rows.speaker", endpoint, str(epoch)]
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@fault(38, "bus-peer-restarts", "P", recover_ms=1000)
def bus_peer_restarts(_setting: Setting) -> Outcome:
    """A publisher is killed and started again; its restart takes what Python takes to start."""
    outcome = Outcome()
    with bus_place(ipc=True) as place:
        endpoint = place.endpoint("news")
        with BusReceiver(endpoint, bind=False, delivery="latest") as receiver:
            with speaker(endpoint, 0) as first:
                _hear(receiver)
                first.send_signal(signal.SIGKILL)
                first.wait()
            while receiver.receive(0.1) is not None:
                continue
            with speaker(endpoint, 1):
                message = _hear(receiver)
                heard_ns = time.monotonic_ns()
                made_ns = message.fields["begun_ns"]
                assert isinstance(made_ns, int)
                outcome.recovered_ms = (heard_ns - made_ns) / NS_PER_MS
            counted = receiver.statistics().sources["speaker"]
            outcome.check("the new epoch is counted", counted.epoch_changes == 1, counted.epoch)
    return outcome


@fault(38, "bus-peer-frozen", "P", detect_ms=1000)
def bus_peer_frozen(_setting: Setting) -> Outcome:
    """A publisher is stopped with its connection open: heartbeats find it."""
    outcome = Outcome()
    with bus_place(ipc=True) as place:
        endpoint = place.endpoint("news")
        with BusReceiver(endpoint, bind=False, delivery="latest") as receiver:
            monitor = receiver.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
            with speaker(endpoint, 0) as process:
                _hear(receiver)
                since_ns = time.monotonic_ns()
                process.send_signal(signal.SIGSTOP)
                deadline_s = time.monotonic() + PATIENCE_S
                while time.monotonic() < deadline_s and not monitor.poll(10):
                    receiver.receive(0.0)
                if monitor.poll(0):
                    recv_monitor_message(monitor)
                    outcome.detected_ms = (time.monotonic_ns() - since_ns) / NS_PER_MS
            receiver.socket.disable_monitor()
            monitor.close(0)
    return outcome


@fault(38, "bus-address-taken", "U")
def bus_address_taken(_setting: Setting) -> Outcome:
    """An address that another program holds, and two programs with one name."""
    outcome = Outcome()
    with bus_place(ipc=True) as place:
        endpoint = place.endpoint("a")
        with BusReceiver(endpoint, bind=True) as receiver:
            try:
                BusReceiver(endpoint, bind=True).close()
                outcome.check("it is refused by name", False)
            except BusError as exc:
                outcome.check("it is refused by name", endpoint in str(exc), exc)
            with (
                BusSender(endpoint, source="s", epoch=1, bind=False) as one,
                BusSender(endpoint, source="s", epoch=0, bind=False) as other,
            ):
                one.send(Message("m"), 5.0)
                first = receiver.receive(5.0)
                other.send(Message("m"), 5.0)
                second = receiver.receive(0.5)
            stale = receiver.statistics().sources["s"].stale
            outcome.drops = {"stale": stale}
            told = first is not None and second is None and stale == 1
            outcome.check("an epoch that is over is refused and counted", told)
    return outcome


@fault(39, "bus-reader-slow", "P", recover_ms=1000)
def bus_reader_slow(_setting: Setting) -> Outcome:
    """A reader sleeps for eight seconds; what waits for it is bounded, and read in a moment."""
    outcome = Outcome()
    with bus_place(ipc=True) as place:
        endpoint = place.endpoint("events")
        with Publisher(endpoint, BusOptions(32)) as publisher, zmq.Context() as context:
            reader = context.socket(zmq.SUB)
            reader.setsockopt(zmq.RCVHWM, 32)
            reader.connect(endpoint)
            reader.subscribe(b"")
            while not reader.poll(10):
                publisher.serve()
                publisher.publish("s/p/t", _large())
            before_mib, sent = resident_mib(), 0
            until_s = time.monotonic() + STALL_S
            while time.monotonic() < until_s:
                publisher.publish("s/p/t", _large())
                sent += 1
                time.sleep(0.0011)
            grown = resident_mib() - before_mib
            woken_ns, waited, age_s = time.monotonic_ns(), 0, STALL_S
            until_s = time.monotonic() + PATIENCE_S
            while age_s > MOST_AGE_S and time.monotonic() < until_s:
                publisher.publish("s/p/t", _large())
                if not reader.poll(10):
                    continue
                text = reader.recv_multipart()[1]
                age_s = (time.monotonic_ns() - int(text[:20])) / 1e9
                waited += 1
            outcome.recovered_ms = (time.monotonic_ns() - woken_ns) / NS_PER_MS
            reader.close(0)
    outcome.drops = {"reader slow": sent - waited}
    outcome.check("memory is flat", grown < 30, f"{grown:.1f} MiB more, {sent} sent")
    outcome.check("what waited is bounded", waited <= 200, f"{waited} messages")
    outcome.check("after them, nothing is old", age_s <= MOST_AGE_S, f"{age_s * 1000:.0f} ms old")
    return outcome


def _large() -> str:
    """A message of 100 kB that begins with the time at which it was made."""
    return f"{time.monotonic_ns():020d}" + "x" * 100_000


@fault(40, "bus-reader-late", "P", detect_ms=250)
def bus_reader_late(setting: Setting) -> Outcome:
    """A program subscribes in the middle of a session."""
    rig, outcome = setting.rig(), Outcome()
    person = rig.play()
    assert person.wait(lambda e: e.type == "measurement.result")
    with zmq.Context() as context:
        reader = context.socket(zmq.SUB)
        began_ns = time.monotonic_ns()
        reader.connect(rig.engine.events_endpoint)
        reader.subscribe(f"{person.session_id}/".encode())
        kinds: set[str] = set()
        wanted = {"session.ready", "sensor.health", "measurement.result"}
        while not wanted <= kinds and reader.poll(5000):
            kinds.add(reader.recv_multipart()[0].decode().split("/")[2])
        outcome.detected_ms = (time.monotonic_ns() - began_ns) / NS_PER_MS
        reader.close(0)
    outcome.check("it knows how things stand", wanted <= kinds, sorted(kinds))
    person.stop()
    return outcome


def _hear(receiver: BusReceiver) -> Message:
    message = receiver.receive(PATIENCE_S)
    assert message is not None, "nothing is heard of the other process"
    return message
