from pathlib import Path

import numpy as np
import pytest

from tacit.models.errors import ModelError
from tacit.models.study.cells import CellStore, Job

JOB = Job("ravdess", 0.1, 2, 3)


@pytest.fixture
def store(tmp_path: Path) -> CellStore:
    return CellStore(tmp_path / "results" / "r.jsonl", tmp_path / "runs")


def test_a_cell_comes_back_as_it_was(store: CellStore) -> None:
    assert store.finished() == {}
    store.write(JOB, "drop", {"p": np.eye(2)}, {"uar": 0.5})
    assert store.finished()[JOB, "drop"]["uar"] == 0.5
    assert np.array_equal(store.read(JOB, "drop")["p"], np.eye(2))
    assert JOB.name == "ravdess-labels10-seed2-fold3"


def test_a_line_torn_by_a_kill_is_dropped_and_repaired(tmp_path: Path, store: CellStore) -> None:
    store.write(JOB, "drop", {}, {"uar": 0.5})
    lines = tmp_path / "results" / "r.jsonl"
    lines.write_text(lines.read_text() + '{"study": "rav')
    assert list(store.finished()) == [(JOB, "drop")]
    store.write(JOB, "ours", {}, {"uar": 0.6})
    assert list(store.finished()) == [(JOB, "drop"), (JOB, "ours")]
    assert len(lines.read_text().splitlines()) == 2


def test_predictions_without_a_line_do_not_count(store: CellStore) -> None:
    store.write_arrays(JOB, "drop", {"p": np.eye(2)})
    assert store.has_arrays(JOB, "drop")
    assert store.finished() == {}


def test_a_whole_line_that_is_no_cell_is_an_error(tmp_path: Path, store: CellStore) -> None:
    store.write(JOB, "drop", {}, {})
    lines = tmp_path / "results" / "r.jsonl"
    lines.write_text("{}\n" + lines.read_text())
    with pytest.raises(ModelError, match=r"r\.jsonl:1: not a cell"):
        store.finished()


def test_one_process_at_a_time_has_a_job(store: CellStore) -> None:
    with store.claimed(JOB) as first, store.claimed(JOB) as second:
        assert (first, second) == (True, False)
        with store.claimed(Job("ravdess", 1.0, 2, 3)) as other:
            assert other
    with store.claimed(JOB) as again:
        assert again


def test_lost_predictions_say_what_to_do(store: CellStore) -> None:
    with pytest.raises(ModelError, match="run the study again"):
        store.read(JOB, "drop")
