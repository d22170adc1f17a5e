import os
import signal
import subprocess
import sys
import time

import pytest

from tacit.pipeline.process_facts import activity, memory_bytes

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="needs /proc"),
]
NOBODY = 2**22 + 1
"""No process has a number above the largest one."""


def wait_for_state(pid: int, states: str) -> None:
    deadline = time.monotonic() + 30
    while (seen := activity(pid)) is None or seen.state not in states:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_process_is_seen_running_sleeping_and_stopped() -> None:
    script = "import sys, time\nfor _ in range(10**9): pass"
    child = subprocess.Popen([sys.executable, "-c", script])
    try:
        wait_for_state(child.pid, "R")
        os.kill(child.pid, signal.SIGSTOP)
        wait_for_state(child.pid, "T")
        before = activity(child.pid)
        assert before is not None
        time.sleep(0.1)
        after = activity(child.pid)
        assert after == before
        os.kill(child.pid, signal.SIGCONT)
        deadline = time.monotonic() + 30
        while (seen := activity(child.pid)) is None or seen.cpu_ns <= before.cpu_ns:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        child.kill()
        child.wait()


def test_memory_is_read_exactly_only_when_it_matters() -> None:
    held = bytearray(64 << 20)
    held[::4096] = b"x" * len(held[::4096])
    whole = memory_bytes(os.getpid(), 1 << 50)
    share = memory_bytes(os.getpid(), 1 << 20)
    assert 64 << 20 < share <= whole


def test_nothing_is_known_of_nobody() -> None:
    assert activity(NOBODY) is None
    assert memory_bytes(NOBODY, 1) == 0
