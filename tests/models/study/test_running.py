from pathlib import Path

import numpy as np
import pytest

from tacit.models.errors import ModelError
from tacit.models.study.cells import CellStore, Job
from tacit.models.study.running import run_job
from tacit.models.study.workbench import Task
from tests.fakes.pairs import make_pairs
from tests.models.study.test_workbench import CONFIG, PLAN

pytestmark = pytest.mark.slow

JOB = Job("pairs", 1.0, 0, 0)


def task() -> Task:
    return Task(make_pairs(60), make_pairs(30, seed=1), make_pairs(12, seed=2), CONFIG, PLAN)


def refused() -> Task:
    raise AssertionError("data were asked for")


def run(store: CellStore, methods: list[str], lines: list[str], data: object = task) -> int:
    ticks = iter(range(1000))
    report = (lambda: float(next(ticks)), lines.append)
    return run_job(JOB, data, methods, store, report)  # type: ignore[arg-type]


def test_a_finished_cell_is_never_computed_again(tmp_path: Path) -> None:
    store = CellStore(tmp_path / "r.jsonl", tmp_path / "runs")
    lines: list[str] = []
    assert run(store, ["drop"], lines) == 1
    assert run(store, ["drop"], lines, refused) == 0
    assert run(store, ["drop", "ours"], lines) == 1
    assert lines == [f"{JOB.name} drop: 1.0 s", f"{JOB.name} ours: 1.0 s"]


def test_what_is_stored_is_calibrated_and_whole(tmp_path: Path) -> None:
    store = CellStore(tmp_path / "r.jsonl", tmp_path / "runs")
    run(store, ["ours"], [])
    line, arrays = store.finished()[JOB, "ours"], store.read(JOB, "ours")
    assert set(line["test"]) == set(line["temperatures"]) == {"audio", "face", "audio+face"}
    assert line["gate"] in {"half", "pattern", "window"}
    assert arrays["test.face"].shape == (12, 3)
    share = arrays["share.face"][:, None]
    mixed = share * arrays["recovered.face"] + (1 - share) * arrays["dropped.face"]
    assert np.array_equal(mixed.argmax(axis=1), arrays["test.face"].argmax(axis=1))


def test_lost_predictions_are_made_again_without_a_second_line(tmp_path: Path) -> None:
    store = CellStore(tmp_path / "r.jsonl", tmp_path / "runs")
    run(store, ["drop"], [])
    before = store.read(JOB, "drop")
    (tmp_path / "runs" / JOB.name / "drop.npz").unlink()
    run(store, ["drop"], [])
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == 1
    assert np.array_equal(before["test.face"], store.read(JOB, "drop")["test.face"])


def test_another_process_that_has_the_job_is_left_alone(tmp_path: Path) -> None:
    store = CellStore(tmp_path / "r.jsonl", tmp_path / "runs")
    with store.claimed(JOB):
        assert run(store, ["drop"], [], refused) == 0


def test_an_unknown_method_is_named(tmp_path: Path) -> None:
    store = CellStore(tmp_path / "r.jsonl", tmp_path / "runs")
    with pytest.raises(ModelError, match=r"no method 'best'; known: whole, drop"):
        run(store, ["best"], [])
