import json
from pathlib import Path
from typing import Any

import pytest
import typer

from tacit.pipeline.commands import inject as module
from tacit.pipeline.commands.inject import inject_command
from tacit.pipeline.faults.outcome import Limits, Outcome, Verdict
from tacit.pipeline.faults.sensors import FaultError, SensorFault
from tacit.pipeline.faults.targets import When

pytestmark = pytest.mark.unit


class Judged:
    """A target that finds what a test says."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def __call__(self, *_where: Any) -> "Judged":
        return self

    def run(self, fault: SensorFault, when: When) -> Verdict:
        return Verdict(fault.name, None, "P", Limits(500), self._outcome)


def run(fault: str = "all", **options: Any) -> None:
    given: dict[str, Any] = {
        "replay": None, "live": False, "served": None, "at": 4.0, "lasts": 3.0, "session": "",
        "token": "", "as_json": False, "listed": False, "microphone": "off", "camera": "off",
        "asr": None, "weights": None, "config": None,
    }  # fmt: skip
    inject_command(fault, **(given | options))


def test_the_faults_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    run(listed=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("camera-frozen ")


def test_exactly_one_target_is_needed(tmp_path: Path) -> None:
    wrong: list[dict[str, Any]] = [{}, {"live": True, "replay": tmp_path}]
    for options in wrong:
        with pytest.raises(FaultError, match="give one of --replay FILE, --live and --served URL"):
            run(**options)


def test_every_fault_is_one_line_of_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "Recording", Judged(Outcome(400.0)))
    run(replay=tmp_path / "a.mp4", as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["status"] for line in lines] == ["pass"] * 6


def test_a_broken_limit_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "Server", Judged(Outcome(600.0)))
    with pytest.raises(typer.Exit) as end:
        run("camera-black", served="http://127.0.0.1:1/")
    assert end.value.exit_code == 1
    assert "FAIL: detected: 600 ms, at most 500" in capsys.readouterr().out
