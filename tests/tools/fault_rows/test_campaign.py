from pathlib import Path

import pytest

from tools.fault_rows.campaign import WAYS, run_campaign

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.timeout(400)]


def test_a_worker_broken_in_every_way_comes_back_and_leaves_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    result = run_campaign(tmp_path, 1, 3, said.append, workers=("audio",))
    summary = result["summary"]
    assert len(said) == summary["incidents"] == len(WAYS)
    assert {incident["way"] for incident in result["incidents"]} == set(WAYS)
    assert (summary["never_back"], summary["windows_missing"], summary["orphans"]) == (0, 0, 0)
    assert all(incident["back_ms"] > 500 for incident in result["incidents"])
