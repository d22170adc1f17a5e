from pathlib import Path

from tacit.pipeline.batch.engine import Backlog
from tacit.pipeline.batch.inputs import BatchInput


def made(folder: Path, name: str, size: int) -> BatchInput:
    (folder / name).write_bytes(b"x" * size)
    return BatchInput(name=name, path=folder / name)


def test_large_inputs_come_first(tmp_path: Path) -> None:
    backlog = Backlog([made(tmp_path, "a", 1), made(tmp_path, "b", 9), made(tmp_path, "c", 9)])
    assert len(backlog) == 3
    assert [backlog.take().source.name for _ in range(3)] == ["b", "c", "a"]


def test_an_input_whose_worker_died_comes_again_once_and_last(tmp_path: Path) -> None:
    backlog = Backlog([made(tmp_path, "a", 2), made(tmp_path, "b", 1)])
    first = backlog.take()
    assert backlog.lost(first, "killed") is None
    assert backlog.take().source.name == "b"
    again = backlog.take()
    assert (again.source.name, again.attempt) == ("a", 2)
    outcome = backlog.lost(again, "killed")
    assert outcome is not None
    assert (outcome.status, outcome.error, outcome.attempts) == ("failed", "killed, 2 times", 2)
    assert len(backlog) == 0
