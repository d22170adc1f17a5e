from pathlib import Path

import pytest
from typer.testing import CliRunner

from tacit.models.errors import ModelError
from tacit.models.study.cells import Job
from tacit.models.study.tasks import Tasks
from tacit.models.study.workbench import Task
from tests.fakes.pairs import make_pairs
from tests.models.study.test_workbench import CONFIG, PLAN
from tools import study
from tools.study import app, folds_of, methods_of


def test_groups_and_single_methods_mix() -> None:
    assert methods_of("plugin,drop")[-1] == "drop"
    assert "plugin.zero" in methods_of("plugin,drop")


def test_an_unknown_study_is_refused() -> None:
    with pytest.raises(ModelError, match="no study 'iemocap'; known: ravdess"):
        folds_of("iemocap")
    assert folds_of("ravdess-inner") == 5


@pytest.mark.slow
def test_a_run_is_summed_up_into_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def task(self: object, job: Job) -> Task:
        return Task(make_pairs(60), make_pairs(30, seed=1), make_pairs(120, seed=2), CONFIG, PLAN)

    monkeypatch.setattr(study, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(study, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(study, "FOLDS", {"mosi": 1})
    monkeypatch.setattr(Tasks, "task", task)
    arguments = ["run", "mosi", "--root", str(tmp_path), "--seeds", "0", "--methods", "drop,zero"]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output
    assert len(first.output.splitlines()) == 2
    assert CliRunner().invoke(app, arguments).output == ""
    summed = CliRunner().invoke(app, ["sum", "mosi"])
    assert summed.exit_code == 0, summed.output
    assert (tmp_path / "results" / "mosi.json").is_file()


def test_a_mistake_is_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["run", "iemocap", "--root", str(tmp_path)])
    assert result.exit_code == 1
    assert "no study 'iemocap'" in result.output
