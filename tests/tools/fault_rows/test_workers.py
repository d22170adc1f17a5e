import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fakes.fault_runs import run_patiently
from tools.fault_rows.rig import HOOKS, alive
from tools.fault_rows.workers import blow_up, broken_ns, ended_ns, kill, stop

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


@pytest.mark.parametrize("name", ["worker-fails-to-load", "worker-hangs-at-start", "crash-loop"])
def test_workers_that_cannot_start_are_given_up_in_words(name: str, tmp_path: Path) -> None:
    run_patiently(name, tmp_path)


def test_a_death_is_timed_by_the_system_and_a_stop_by_the_signal() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(50)"]) as child:
        before_ns = time.monotonic_ns()
        assert before_ns <= broken_ns(child.pid, stop) <= time.monotonic_ns()
        assert alive(child.pid)
        assert ended_ns(child.pid, kill) >= before_ns
        assert not alive(child.pid)


def test_memory_blows_up_on_a_signal_where_the_hooks_are_in_place() -> None:
    program = (
        "import sitecustomize, time; print(sitecustomize.__file__, flush=True); time.sleep(50)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(HOOKS)},
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert str(HOOKS) in child.stdout.readline()
        status = Path(f"/proc/{child.pid}/statm")
        before = int(status.read_text().split()[1])
        blow_up(child.pid)
        deadline = time.monotonic() + 30
        while (pages := int(status.read_text().split()[1])) < before + 20_000:
            assert time.monotonic() < deadline, pages
            time.sleep(0.05)
        child.kill()
