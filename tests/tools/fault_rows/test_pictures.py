from pathlib import Path

import pytest

from tests.fakes.fault_runs import names, run_exactly
from tools.fault_rows import pictures

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("name", names(pictures, "V"))
def test_every_limit_holds_in_virtual_time(name: str, tmp_path: Path) -> None:
    run_exactly(name, tmp_path)
