from pathlib import Path
from typing import Any

import pytest

from tacit.models.errors import ModelError
from tacit.models.study import nearness
from tacit.models.study.cells import CellStore, Job
from tacit.models.study.workbench import Task
from tests.fakes.pairs import make_pairs
from tests.models.study.test_workbench import CONFIG, PLAN

JOB = Job("pairs", 1.0, 0, 0)


def task() -> Task:
    return Task(make_pairs(60), make_pairs(30, seed=1), make_pairs(12, seed=2), CONFIG, PLAN)


def refused() -> Task:
    raise AssertionError("data were asked for")


def line(way: str, groups: list[int], squared: float, variance: float) -> dict[str, Any]:
    part = {
        "groups": groups,
        "squared": [squared] * len(groups),
        "variance": [variance] * len(groups),
        "energy_distance": 0.5,
    }
    return {"method": way, "samples": 1, "lost": {"audio": part, "face": part}, "ms": 2.0}


@pytest.mark.slow
def test_a_job_is_measured_once_and_the_regression_beats_the_mean(tmp_path: Path) -> None:
    store = CellStore(tmp_path / "near.jsonl", tmp_path / "runs")
    ticks = iter(range(1000))
    assert nearness.run_job(JOB, task, store, lambda: float(next(ticks)))
    assert not nearness.run_job(JOB, refused, store, lambda: 0.0)
    found = nearness.summarise(list(store.finished().values()))
    assert list(found)[-1] == nearness.LAST
    assert found["mean"]["r2"][0] == pytest.approx(0.0, abs=0.25)
    assert found["regression"]["r2"][0] > max(0.05, found["mean"]["r2"][0])
    assert found["random"]["energy_distance"] < found["zero"]["energy_distance"]
    assert found["student1"]["samples"] == 32
    assert found["student1"]["ms"] == pytest.approx(1000.0 / 24)


def test_figures_are_pooled_over_groups_and_modalities() -> None:
    lines = [line("zero", [1, 2], 1.0, 4.0), line("zero", [3], 4.0, 4.0)]
    found = nearness.summarise(lines)["zero"]
    assert found["r2"][0] == pytest.approx(0.5)
    assert found["r2"][1] < 0.5 < found["r2"][2]
    assert (found["energy_distance"], found["ms"]) == (0.5, 2.0)


def test_seeds_that_lack_a_fold_are_not_summed_up() -> None:
    with pytest.raises(ModelError, match="not all measured on the same groups"):
        nearness.summarise([line("zero", [1, 2], 1.0, 4.0), line("zero", [2], 1.0, 4.0)])
