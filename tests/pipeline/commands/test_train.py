from pathlib import Path

import pytest
from typer.testing import CliRunner

from tacit.models.errors import ModelError
from tacit.pipeline.cli import app
from tacit.pipeline.training import stages
from tacit.pipeline.training.errors import TrainError
from tests.fakes.training_stages import small_stage

RUNNER = CliRunner()


def error_of(*options: str) -> BaseException:
    error = RUNNER.invoke(app, ["train", *options], env={"TACIT_DATA": ""}).exception
    assert error is not None
    return error


def test_the_help_names_both_ways() -> None:
    shown = RUNNER.invoke(app, ["train", "--help"], env={"COLUMNS": "200"}).output
    for word in ("--config", "--root", "--data", "LABELS", "--weights", "file,label"):
        assert word in shown, word


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "no data: give their folder with --root or TACIT_DATA"),
        (["--root", "nowhere"], "nowhere: no such data folder"),
        (["labels.csv"], "needs the folder of its clips: --data"),
        (["--data", "."], "--data needs a table of labels"),
        (["--root", ".", "--asr", "off"], "--weights and --asr are for fine-tuning"),
        (["--root", ".", "--config", "no.toml"], "no.toml: no such settings file"),
        (["--data", ".", "no.csv", "--config", "no.toml"], "no.toml: no such settings file"),
        (["--data", ".", "no.csv"], "no.csv: no such table of labels"),
    ],
)
def test_mistakes_are_named(options: list[str], message: str) -> None:
    error = error_of(*options)
    assert isinstance(error, TrainError)
    assert message in str(error)


def test_a_wrong_section_for_fine_tuning_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text("[finetune]\nepoch = 3\n")
    error = error_of("--data", str(tmp_path), "l.csv", "--config", str(tmp_path / "t.toml"))
    assert "finetune.epoch: unknown key; known here: anchor" in str(error)


def test_missing_data_are_named_and_nothing_is_left_finished(tmp_path: Path) -> None:
    out = tmp_path / "out"
    error = error_of("--root", str(tmp_path), "-o", str(out))
    assert isinstance(error, ModelError)
    assert str(tmp_path) in str(error)
    assert not (out / "stages").exists()


def test_stages_run_with_their_settings_and_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {"one": small_stage("one"), "two": small_stage("two", needs=("one",))}
    monkeypatch.setattr(stages, "STAGES", table)
    (tmp_path / "t.toml").write_text("[two]\nepochs = 3\n")
    options = ["--root", str(tmp_path), "--config", str(tmp_path / "t.toml")]
    options += ["-o", str(tmp_path / "out")]
    first = RUNNER.invoke(app, ["train", *options])
    assert first.exit_code == 0, first.output
    assert "two: epoch 3/3: valid loss 0.333" in first.output
    assert "two: done in" in first.output
    second = RUNNER.invoke(app, ["train", *options])
    assert "two: already done; valid.accuracy 0.500" in second.output
