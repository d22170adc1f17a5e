from pathlib import Path

import pytest
from typer.testing import CliRunner

from tacit.pipeline.batch.inputs import BatchError
from tacit.pipeline.batch.run import BatchRequest, BatchView, usable_cores
from tacit.pipeline.batch.summary import Summary
from tacit.pipeline.cli import app
from tacit.pipeline.config import ConfigError

RUNNER = CliRunner()


def test_the_help_says_what_the_exit_status_means() -> None:
    shown = " ".join(RUNNER.invoke(app, ["batch", "--help"], env={"COLUMNS": "200"}).output.split())
    assert "Exits with 0 when at least one input could be read, with 1 when none could." in shown


@pytest.mark.process
@pytest.mark.media
def test_nothing_that_can_be_read_exits_with_1(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no media")
    out = tmp_path / "out"
    done = RUNNER.invoke(app, ["batch", str(tmp_path), "-o", str(out), "--asr", "off"])
    assert done.exit_code == 1
    assert done.output.startswith("failed: a.wav: ")
    assert "0 read, 0 kept, 1 failed of 1" in done.output
    assert (out / "summary.json").exists()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["nothing"], BatchError),
        (["."], BatchError),
        ([".", "--config", "no.toml"], ConfigError),
    ],
)
def test_mistakes_stop_it_before_anything_is_written(
    options: list[str], error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = RUNNER.invoke(app, ["batch", *options, "-o", "out"])
    assert isinstance(done.exception, error)
    assert not (tmp_path / "out").exists()


def test_jobs_default_to_one_per_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def noted(request: BatchRequest, view: BatchView) -> Summary:
        asked.append(request.jobs)
        raise BatchError("enough")

    monkeypatch.setattr("tacit.pipeline.commands.batch.run_batch", noted)
    for options in ([], ["--jobs", "3"]):
        RUNNER.invoke(app, ["batch", str(tmp_path), "-o", str(tmp_path), *options])
    assert asked == [usable_cores(), 3]
