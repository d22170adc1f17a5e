"""Workers that hang or eat memory, as real processes with a small program of their own."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tacit.pipeline.config import Settings
from tacit.pipeline.job import Job
from tacit.pipeline.supervisor import Care, Death, RestartRule, Supervised, WorkerProcess
from tacit.pipeline.watch import Deadlines

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="needs /proc"),
]
NS_PER_S = 1_000_000_000
SLEEPS = "import sys; sys.stdin.read()"
GROWS = "import sys; held = b'x' * (200 << 20); sys.stdin.read()"
ENDS = "import sys; sys.stderr.write('no more\\n'); sys.exit(7)"
QUICK = RestartRule(first_ns=1, most_ns=1)

Start = Callable[..., Supervised]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[Supervised] = []

    def begin(program: str, care: Care, rule: RestartRule = QUICK) -> Supervised:
        command = (sys.executable, "-c", program)
        process = WorkerProcess("face", tmp_path, program=command)
        worker = Supervised(process, Job(settings=Settings()), rule, care)
        worker.start()
        made.append(worker)
        return worker

    yield begin
    for worker in made:
        worker.process.close()


def until_dead(worker: Supervised, most_s: float = 30.0) -> Death:
    deadline = time.monotonic() + most_s
    while (death := worker.check(time.monotonic_ns())) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return death


def test_a_silent_worker_is_ended_and_started_again(start: Start) -> None:
    worker = start(SLEEPS, Care(Deadlines(NS_PER_S // 2)))
    worker.ready = True
    worker.heard(time.monotonic_ns())
    began = time.monotonic()
    death = until_dead(worker)
    assert time.monotonic() - began > 0.9
    assert (death.cause, death.detail) == ("worker_hung", "face worker: hung, was ended")
    assert worker.silences == 1
    assert not worker.answering
    assert worker.revive(time.monotonic_ns())
    assert worker.epoch == 1
    assert worker.check(time.monotonic_ns()) is None


def test_a_stopped_worker_is_found_within_a_second(start: Start) -> None:
    worker = start(SLEEPS, Care(Deadlines(5 * NS_PER_S)))
    worker.ready = True
    pid = worker.process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    worker.heard(time.monotonic_ns())
    began = time.monotonic()
    assert until_dead(worker).cause == "worker_hung"
    assert time.monotonic() - began < 5


def test_a_worker_that_gives_signs_is_left_alone(start: Start) -> None:
    worker = start(SLEEPS, Care(Deadlines(NS_PER_S // 10)))
    worker.ready = True
    for _ in range(40):
        worker.heard(time.monotonic_ns())
        assert worker.check(time.monotonic_ns()) is None
        assert worker.answering
        time.sleep(0.02)
    assert worker.silences == 0


def test_a_worker_that_takes_too_much_memory_is_ended(start: Start) -> None:
    worker = start(GROWS, Care(memory_bytes=100 << 20))
    death = until_dead(worker)
    assert death.cause == "worker_memory"
    assert "more than 100; was ended" in death.detail
    assert not death.permanent


def test_loading_has_an_end(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tacit.pipeline.supervisor.LOAD_NS", NS_PER_S // 5)
    worker = start(SLEEPS, Care(Deadlines(NS_PER_S)))
    assert "not loaded after 0 s" in until_dead(worker).detail


def test_a_worker_stopped_while_it_loads_is_ended(start: Start) -> None:
    worker = start(SLEEPS, Care(Deadlines(NS_PER_S)))
    pid = worker.process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    death = until_dead(worker)
    assert death.cause == "worker_hung"
    assert death.detail == "face worker: hung while it loaded, was ended"


def test_the_breaker_opens_for_hangs_as_well(start: Start) -> None:
    worker = start(SLEEPS, Care(Deadlines(NS_PER_S // 100)), RestartRule(1, 1, breaker_deaths=2))
    for permanent in (False, True):
        worker.ready = True
        worker.heard(time.monotonic_ns())
        assert until_dead(worker).permanent is permanent
        assert worker.revive(time.monotonic_ns() + 1) is not permanent


def test_last_words_belong_to_one_that_ended_by_itself(start: Start) -> None:
    death = until_dead(start(ENDS, Care()))
    assert (death.cause, death.detail) == ("worker_died", "face worker: exit code 7: no more")
