"""The program around `recovery_regate`: what it hands on, and how it fails."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tacit.models.manifest import Manifest
from tacit.models.training.recovery_run import RunConfig
from tools import regate as program

RUNNER = CliRunner()


def test_windows_weights_and_folder_are_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    class Tokens:
        def __init__(self, root: Path, weights: Path, *_: Any) -> None:
            given.extend((root, weights))

        def collect(self) -> str:
            return "tokens"

    def fit(data: str, weights: Path, out: Path, config: RunConfig, _: Any) -> Manifest:
        given.extend((data, weights, out, config))
        metrics = {"test.audio|face.share": 0.5, "student.loss": 1.0}
        return Manifest("recovery", {}, [], "none", "none", 0, metrics)

    shown = tmp_path / "paired.json"
    shown.write_text(json.dumps({"gaps": {"kept": []}, "gate": {"test.old": 1.0}}))

    monkeypatch.setattr(program, "Collector", Tokens)
    monkeypatch.setattr(program, "regate", fit)
    words = [
        "--root",
        "data",
        "--weights",
        str(tmp_path),
        "--windows",
        "900",
        "--result",
        str(shown),
    ]
    done = RUNNER.invoke(program.app, [*words, "--result", str(shown)])
    assert done.exit_code == 0, done.output
    *before, config = given
    assert before == [Path("data"), tmp_path, "tokens", tmp_path, tmp_path / "recovery"]
    assert config.gate.windows == 900
    assert config.fusion.weights == tmp_path
    assert json.loads(shown.read_text()) == {
        "gaps": {"kept": []}, "gate": {"test.audio|face.share": 0.5}, "gate_windows": 900,
    }  # fmt: skip


def test_missing_data_are_one_line(tmp_path: Path) -> None:
    done = RUNNER.invoke(program.app, ["--root", str(tmp_path), "--cache", str(tmp_path / "c")])
    assert done.exit_code == 1
    assert done.output.startswith("regate: ")
    assert str(tmp_path) in done.output
