from pathlib import Path

import pytest

from tests.fakes.fault_runs import run_patiently

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


@pytest.mark.parametrize("name", ["worker-fails-to-load", "crash-loop"])
def test_workers_that_cannot_start_are_given_up_in_words(name: str, tmp_path: Path) -> None:
    run_patiently(name, tmp_path)
