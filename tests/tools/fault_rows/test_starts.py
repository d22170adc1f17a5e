from pathlib import Path

import pytest

from tests.fakes.fault_runs import names, run_patiently
from tools.fault_rows import starts

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


@pytest.mark.parametrize("name", names(starts, "U", "P"))
def test_what_is_wrong_is_refused_at_the_start(name: str, tmp_path: Path) -> None:
    run_patiently(name, tmp_path)
