import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.fault_runs import run_patiently
from tools.fault_rows.machines import children

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]


def test_a_log_that_nobody_reads_holds_nothing_up(tmp_path: Path) -> None:
    run_patiently("log-blocked", tmp_path)


def test_children_of_a_process_are_found() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in children(os.getpid())
        child.kill()
