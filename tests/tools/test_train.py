from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tacit.models.checkpoint import Manifest, read_manifest
from tacit.pipeline.training.stage import Place
from tacit.pipeline.training.stages import STAGES
from tests.fakes.training_stages import small_stage
from tools import train
from tools.train import Compared, Kind, app, compare, table

RUNNER = CliRunner()
BARE = Manifest("face", {}, [], "any", "none", 0, {})


def test_help_names_everything_that_can_be_trained() -> None:
    result = RUNNER.invoke(app, ["--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    for word in (*Kind, "--check", "--root", "--seed"):
        assert word in result.output, word


def test_a_wrong_root_is_named(tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["audio", "--root", str(tmp_path / "nowhere")])
    assert result.exit_code == 1
    assert "nowhere: no such data folder; give it with --root" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("kind", ["face", "audio", "text"])
def test_a_root_without_the_data_set_is_named(kind: str, tmp_path: Path) -> None:
    options = ["--root", str(tmp_path), "--out", str(tmp_path), "--cache", str(tmp_path)]
    result = RUNNER.invoke(app, [kind, *options])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"train: {tmp_path}")


def test_a_recovery_without_encoders_is_refused(tmp_path: Path) -> None:
    options = ["--root", str(tmp_path), "--out", str(tmp_path), "--cache", str(tmp_path)]
    result = RUNNER.invoke(app, ["recovery", *options])
    assert result.exit_code == 1
    assert "no checkpoint here" in result.stderr


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    assert RUNNER.invoke(app, ["smell", "--root", str(tmp_path)]).exit_code == 2


def test_every_stage_can_be_named() -> None:
    assert {str(kind) for kind in Kind} == {*STAGES, "all"}


def test_only_validation_scores_are_compared() -> None:
    shipped = replace(
        BARE,
        metrics={
            "valid.accuracy": 0.9,
            "valid.audio+face.paired.uar": 0.8,
            "valid.ece": 0.1,
            "valid.uar_low": 0.5,
            "test.accuracy": 0.1,
            "valid.macro_f1": 0.6,
        },
    )
    again = replace(BARE, metrics={**shipped.metrics, "valid.accuracy": 0.8})
    names = {row.name: row.agrees for row in compare(shipped, again)}
    assert names == {
        "valid.accuracy": False,
        "valid.audio+face.paired.uar": True,
        "valid.macro_f1": True,
    }


def test_a_point_is_the_limit() -> None:
    assert Compared("valid.uar", 0.700, 0.709).agrees
    assert not Compared("valid.uar", 0.700, 0.711).agrees


def test_the_table_shows_both_figures() -> None:
    console = Console(width=100, record=True, quiet=True)
    console.quiet = False
    with console.capture() as seen:
        console.print(table("audio", [Compared("valid.uar", 0.7, 0.75)]))
    assert "70.0%" in seen.get()
    assert "75.0%" in seen.get()
    assert "no" in seen.get()


@pytest.mark.parametrize(("retrained", "expected"), [(0.505, True), (0.45, False)])
def test_checking_compares_with_the_shipped_manifest(
    retrained: float, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(folder: Path) -> Manifest:
        if folder.is_relative_to(tmp_path):
            return read_manifest(folder)
        return replace(BARE, metrics={"valid.accuracy": retrained})

    monkeypatch.setattr(train, "read_manifest", read)
    monkeypatch.setitem(STAGES, "face", small_stage("face"))
    place = Place(tmp_path, tmp_path / "w", tmp_path / "p", tmp_path / "c")
    assert train.check(["face"], place, None, Console(quiet=True)) is expected


def test_a_seed_reaches_the_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def note(place: Place, config: Any, progress: object) -> Mapping[str, float]:
        seen.append(config.seed)
        return {}

    monkeypatch.setitem(STAGES, "face", replace(small_stage("face"), train=note))
    place = Place(tmp_path, tmp_path / "w", tmp_path / "p", tmp_path / "c")
    train.train_kinds(["face"], place, 7, Console(quiet=True))
    train.train_kinds(["face"], place, None, Console(quiet=True))
    assert seen == [7, 0]
