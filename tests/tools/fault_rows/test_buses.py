from pathlib import Path

import pytest

from tests.fakes.fault_runs import run_patiently

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


@pytest.mark.parametrize("name", ["bus-peer-restarts", "bus-peer-frozen", "bus-address-taken"])
def test_the_bus_outlives_its_peers(name: str, tmp_path: Path) -> None:
    run_patiently(name, tmp_path)
