import json
import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from tacit.pipeline.batch import worker
from tacit.pipeline.batch.inputs import BatchInput
from tacit.pipeline.batch.recipe import Recipe
from tacit.pipeline.config import Settings

pytestmark = pytest.mark.process

Running = tuple[SpawnProcess, Connection]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    recipe = Recipe(settings=Settings(asr="off", weights=tmp_path), model_sha256="m", version="1")
    process = context.Process(
        target=worker.main,
        args=(theirs, recipe.model_dump_json(), str(tmp_path), str(tmp_path / "log")),
    )
    process.start()
    theirs.close()
    yield process, ours
    ours.close()
    process.kill()
    process.join()
    process.close()


def ask(connection: Connection, path: Path) -> dict[str, object]:
    source = BatchInput(name=path.name, path=path)
    connection.send_bytes(source.model_dump_json().encode())
    answer: dict[str, object] = json.loads(connection.recv_bytes())
    return answer


def test_it_answers_every_input_and_ends_with_its_parent(running: Running, tmp_path: Path) -> None:
    process, connection = running
    for name in ("a.wav", "b.wav"):
        outcome = ask(connection, tmp_path / name)["outcome"]
        assert isinstance(outcome, dict)
        assert (outcome["input"], outcome["status"]) == (name, "failed")
    (tmp_path / "talk.mcap").write_text("no session")
    assert "outcome" in ask(connection, tmp_path / "talk.mcap")
    connection.close()
    process.join(10)
    assert process.exitcode == 0


def test_models_that_cannot_be_loaded_are_said_to_be(running: Running, sample: Path) -> None:
    _, connection = running
    assert "no checkpoint here" in str(ask(connection, sample)["fatal"])
