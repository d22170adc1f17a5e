from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tacit.models.checkpoint import Manifest
from tools import train
from tools.train import Compared, Kind, Run, app, compare, table

RUNNER = CliRunner()
BARE = Manifest("face", {}, [], "any", "none", 0, {})


def run_in(folder: Path) -> Run:
    return Run(folder, folder / "out", folder / "out", folder / "cache", None, None, 1)


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


def test_a_fusion_without_encoders_is_refused(tmp_path: Path) -> None:
    options = ["--root", str(tmp_path), "--out", str(tmp_path)]
    result = RUNNER.invoke(app, ["fusion", *options])
    assert result.exit_code == 1
    assert "no checkpoint here" in result.stderr


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    assert RUNNER.invoke(app, ["smell", "--root", str(tmp_path)]).exit_code == 2


def test_the_fusion_comes_last() -> None:
    assert list(train.TRAINERS)[-1] is Kind.FUSION
    assert set(train.TRAINERS) == set(Kind) - {Kind.ALL}


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


@pytest.mark.parametrize(("retrained", "expected"), [(0.705, True), (0.65, False)])
def test_checking_compares_with_the_shipped_manifest(
    retrained: float, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = replace(BARE, metrics={"valid.uar": 0.7})
    again = replace(BARE, metrics={"valid.uar": retrained})
    monkeypatch.setattr(train, "read_manifest", lambda folder: shipped)
    monkeypatch.setitem(train.TRAINERS, Kind.FACE, lambda run, progress: again)
    quiet = Console(quiet=True)
    assert train.check([Kind.FACE], run_in(tmp_path), quiet) is expected
