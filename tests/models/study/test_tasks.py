from pathlib import Path

import numpy as np
import pytest

from tacit.models.datasets import ravdess_pairs
from tacit.models.datasets.ravdess_pairs import Pairs
from tacit.models.errors import ModelError
from tacit.models.features import Float32
from tacit.models.study.cells import Job
from tacit.models.study.tasks import Tasks


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tasks:
    rng = np.random.default_rng(0)
    actors, labels = np.repeat(np.arange(1, 21), 14), np.tile(np.arange(14) % 7, 20)

    def features(dim: int) -> Float32:
        drawn: Float32 = (rng.normal(size=(280, dim)) + actors[:, None]).astype(np.float32)
        return drawn

    pairs = Pairs({"audio": features(6), "face": features(4)}, labels, actors)
    monkeypatch.setattr(ravdess_pairs, "load", lambda root, cache: pairs)
    return Tasks(tmp_path, tmp_path)


def test_parts_hold_other_speakers_and_all_labels(tasks: Tasks) -> None:
    task = tasks.task(Job("ravdess", 1.0, 0, 0))
    parts = [set(s.groups) for s in (task.train, task.valid, task.test)]
    assert [len(p) for p in parts] == [13, 3, 4]
    assert len(set().union(*parts)) == 20
    assert len(task.train.labelled) == len(task.train)


def test_few_labels_are_hidden_in_training_only(tasks: Tasks) -> None:
    task = tasks.task(Job("ravdess", 0.1, 0, 0))
    assert len(task.train.labelled) == 21  # 3 of 26 in each of 7 classes
    assert len(task.valid.labelled) == len(task.valid)
    other = tasks.task(Job("ravdess", 0.1, 1, 0))
    assert not np.array_equal(task.train.labelled, other.train.labelled)


def test_only_the_main_configuration_is_normalised_by_speaker(tasks: Tasks) -> None:
    for study, offset in (("ravdess", 0.0), ("ravdess_raw", 1.0)):
        test = tasks.task(Job(study, 1.0, 0, 0)).test
        of_first = test.values["audio"][test.groups == 1]
        assert of_first.mean() == pytest.approx(offset, abs=0.3)


def test_tuning_never_sees_the_folds_test_actors(tasks: Tasks) -> None:
    outer, inner = (tasks.task(Job(name, 1.0, 0, 2)) for name in ("ravdess", "ravdess-inner"))
    used = {*inner.train.groups, *inner.valid.groups, *inner.test.groups}
    assert not used & set(outer.test.groups)


def test_an_unknown_study_is_named(tasks: Tasks) -> None:
    with pytest.raises(ModelError, match="no study 'iemocap'; known: ravdess"):
        tasks.task(Job("iemocap", 1.0, 0, 0))


@pytest.mark.data
def test_mosi_is_clean_text_and_audio_with_disjoint_videos(data_root: Path, tmp_path: Path) -> None:
    task = Tasks(data_root, tmp_path).task(Job("mosi", 1.0, 0, 0))
    assert task.train.names == ("audio", "text")
    assert task.config.classes == 2
    assert not set(task.train.groups) & set(task.valid.groups)
    assert not set(task.test.groups) & {*task.train.groups, *task.valid.groups}
    inner = Tasks(data_root, tmp_path).task(Job("mosi-inner", 1.0, 0, 0))
    assert not set(inner.test.groups) & set(task.test.groups)
