"""Workers that die, and workers that stop."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.pipeline.batch import local
from tacit.pipeline.batch.inputs import BatchError, BatchInput
from tacit.pipeline.batch.local import LocalEngine
from tacit.pipeline.batch.parts import part_path
from tacit.pipeline.batch.recipe import Recipe, make_recipe
from tacit.pipeline.config import Settings, load_settings

pytestmark = [pytest.mark.media, pytest.mark.process, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return make_recipe(load_settings(overrides={"asr": "off"}))


@pytest.fixture
def engine(recipe: Recipe, tmp_path: Path) -> Iterator[LocalEngine]:
    made = LocalEngine(recipe, tmp_path, 1)
    yield made
    made.close()


class Killer:
    """Kills the worker as soon as it has begun to read, so many times."""

    def __init__(self, engine: LocalEngine, times: int) -> None:
        self._engine = engine
        self.left = times

    def __call__(self, source: BatchInput, share: float) -> None:
        if self.left:
            self.left -= 1
            pid = self._engine.pids[0]
            os.kill(pid, signal.SIGKILL)


def test_a_worker_that_is_killed_is_replaced_and_its_input_read(
    engine: LocalEngine, sample: Path, tmp_path: Path
) -> None:
    source = BatchInput(name="sample.mp4", path=sample)
    (outcome,) = engine.run([source], Killer(engine, 1))
    assert (outcome.status, outcome.attempts) == ("done", 2)
    assert part_path(tmp_path, source).exists()


def test_an_input_that_kills_its_worker_twice_is_listed(
    engine: LocalEngine, sample: Path, tmp_path: Path
) -> None:
    source = BatchInput(name="sample.mp4", path=sample)
    (outcome,) = engine.run([source], Killer(engine, 2))
    assert outcome.status == "failed"
    assert outcome.error == "worker killed by signal 9, 2 times"
    assert not part_path(tmp_path, source).exists()


def test_an_input_that_stands_still_is_given_up(
    engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "STALL_S", 0.0)
    monkeypatch.setattr(local, "POLL_S", 0.01)
    os.mkfifo(tmp_path / "endless.wav")
    source = BatchInput(name="endless.wav", path=tmp_path / "endless.wav")
    (outcome,) = engine.run([source], lambda source, share: None)
    assert outcome.error == "no progress for 0 s, 2 times"


def test_a_worker_is_replaced_before_anything_can_pile_up(
    engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "INPUTS_PER_WORKER", 1)
    sources = [BatchInput(name=f"{k}.wav", path=tmp_path / f"{k}.wav") for k in range(2)]
    pids = set()
    for outcome in engine.run(sources, lambda source, share: None):
        assert outcome.status == "failed"
        pids.update(engine.pids)
    assert len(pids) == 2


def test_models_that_cannot_be_loaded_stop_the_batch(
    recipe: Recipe, sample: Path, tmp_path: Path
) -> None:
    bad = recipe.model_copy(update={"settings": Settings(asr="off", weights=tmp_path)})
    engine = LocalEngine(bad, tmp_path, 1)
    with pytest.raises(BatchError, match="no checkpoint here"):
        list(engine.run([BatchInput(name="s", path=sample)], lambda source, share: None))
    engine.close()
    assert engine.pids == []
