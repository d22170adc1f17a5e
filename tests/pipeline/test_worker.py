import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tacit.pipeline.config import Settings
from tacit.pipeline.job import Go, Job
from tacit.pipeline.worker import EXIT_FAILED
from tacit.stream.bus import BusReceiver
from tacit.stream.endpoints import bus_place
from tacit.stream.wire import message_to_packet

pytestmark = pytest.mark.process


ENDED = (0, -29)
"""By itself, or by the signal that the end of its input raises (SIGIO), whichever comes first."""


def start(name: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "tacit.pipeline.worker", name],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def tell(worker: "subprocess.Popen[bytes]", order: Job | Go) -> None:
    assert worker.stdin is not None
    worker.stdin.write(order.model_dump_json().encode() + b"\n")
    worker.stdin.flush()


def test_a_worker_without_its_weights_says_so_and_ends(sample: Path, tmp_path: Path) -> None:
    with bus_place() as place:
        job = Job(
            settings=Settings(weights=tmp_path), media=sample, publish=place.endpoint("audio")
        )
        worker = start("audio")
        tell(worker, job)
        # Its standard input stays open: at its end it would end as well.
        worker.wait(50)
        assert worker.stderr is not None
        assert worker.stdin is not None
        words = worker.stderr.read()
        worker.stderr.close()
        worker.stdin.close()
    assert worker.returncode == EXIT_FAILED
    assert b"no checkpoint here" in words
    assert b"Traceback" not in words


def test_a_worker_reads_its_stream_and_ends_with_its_parent(sample: Path) -> None:
    with bus_place() as place, BusReceiver(place.endpoint("audio"), bind=True) as receiver:
        worker = start("audio")
        tell(worker, Job(settings=Settings(), media=sample, publish=place.endpoint("audio")))
        ready = receiver.receive(50)
        assert ready is not None
        assert ready.kind == "ready"
        tell(worker, Go(start_ns=11_500_000_000))
        kinds = []
        while "end" not in kinds:
            message = receiver.receive(20)
            assert message is not None
            kinds.append(message_to_packet(message).kind)
        assert kinds.count("feature") >= 25
        assert worker.stdin is not None
        assert worker.stderr is not None
        began = time.monotonic()
        worker.stdin.close()
        assert worker.wait(20) in ENDED
        assert time.monotonic() - began < 10
        worker.stderr.close()


@pytest.mark.timeout(120)
def test_a_slow_parent_still_gets_everything(sample: Path) -> None:
    """A worker that is done must not take what waits in its queue with it."""
    with bus_place() as place, BusReceiver(place.endpoint("audio"), bind=True) as receiver:
        worker = start("audio")
        tell(worker, Job(settings=Settings(), media=sample, publish=place.endpoint("audio")))
        assert receiver.receive(50) is not None
        tell(worker, Go())
        received = 0
        kind = ""
        while kind != "end":
            if received == 500:
                time.sleep(3)  # longer than a closing bus end waits for its reader
            message = receiver.receive(20)
            assert message is not None
            received += 1
            kind = message_to_packet(message).kind
        assert received >= 600
        assert worker.stdin is not None
        assert worker.stderr is not None
        worker.stdin.close()
        assert worker.wait(20) in ENDED
        worker.stderr.close()


HOLDS_THE_LOCK = """
import ctypes, sys, threading
sys.argv = ["worker", "x"]
from tacit.pipeline import worker
parent = worker.Parent()
parent.go()
print("going", flush=True)
ctypes.PyDLL(None).sleep(600)  # native code that never gives Python's lock back
"""


@pytest.mark.skipif(sys.platform != "linux", reason="by a signal of Linux pipes")
def test_even_a_worker_that_hangs_in_native_code_ends_with_its_parent() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", HOLDS_THE_LOCK], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    tell(worker, Go())
    assert worker.stdout.readline() == b"going\n"
    worker.stdin.close()
    assert worker.wait(30) < 0
    worker.stdout.close()
