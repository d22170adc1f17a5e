import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tools.fault_rows.render import render_page
from tools.faults import PAGE, TABLE, app, chosen

pytestmark = pytest.mark.unit
ROOT = Path(__file__).resolve().parents[2]


def test_all_faults_are_listed_with_what_they_do() -> None:
    told = CliRunner().invoke(app, ["list"])
    assert told.exit_code == 0
    lines = told.output.splitlines()
    assert len(lines) >= 70
    assert any(" 2 V camera-frozen " in line for line in lines)


def test_a_fault_is_run_judged_and_written_down(tmp_path: Path) -> None:
    out = tmp_path / "table.jsonl"
    arguments = ["run", "--fault", "microphone-overflow", "--json", "--out", str(out)]
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == 0, told.output
    about, verdict = (json.loads(line) for line in out.read_text().splitlines())
    assert about["date"] >= "2026"
    assert verdict == json.loads(told.output) | {"took_s": verdict["took_s"]}
    assert (verdict["row"], verdict["status"]) == (10, "pass")
    page = tmp_path / "page.md"
    arguments = ["render", "--table", str(out), "--page", str(page)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert "`microphone-overflow` | 20 ≤ 20" in page.read_text()


def test_a_recording_of_ones_own_is_broken_as_tacit_inject_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr("tools.faults.inject_command", lambda *a, **k: asked.append((a, k)))
    arguments = ["run", "--fault", "camera-black", "--replay", "a.mp4", "--at", "2", "--for", "1"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    ((where, when),) = asked
    assert where == ("camera-black", Path("a.mp4"), False, None)
    assert (when["at"], when["lasts"]) == (2.0, 1.0)


def test_what_there_is_not_is_said() -> None:
    with pytest.raises(typer.BadParameter, match="--fault x: no such fault"):
        chosen("x", None)
    assert {fault.row for fault in chosen(None, 29)} == {29}
    levels = [fault.level in ("P", "N") for fault in chosen(None, None)]
    assert levels == sorted(levels)


def test_the_page_is_what_the_results_say() -> None:
    if not (ROOT / TABLE).exists():
        pytest.skip("no results yet: run make faults")
    lines = [json.loads(line) for line in (ROOT / TABLE).read_text().splitlines()]
    campaign = ROOT / "results" / "faults" / "campaign.json"
    found = json.loads(campaign.read_text()) if campaign.exists() else None
    assert (ROOT / PAGE).read_text() == render_page(lines, found)
