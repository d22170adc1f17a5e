from pathlib import Path

import pytest

from tests.fakes.fault_runs import run_patiently

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    "name",
    ["callers-from-elsewhere", "sockets-misused", "frames-malformed", "bytes-at-an-open-port"],
)
def test_hostile_callers_get_nowhere(name: str, tmp_path: Path) -> None:
    run_patiently(name, tmp_path)
