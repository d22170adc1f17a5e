from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tacit.models.benchmark.digests import GOEMOTIONS, MELD, MOSI_CLEAN, MOSI_GIVEN, RAVDESS
from tacit.models.benchmark.honesty import check_parts
from tacit.models.benchmark.sets import (
    PROFILES,
    SETS,
    Loader,
    Source,
    profile_of,
    set_of,
    shares_for,
)
from tacit.models.errors import DatasetError, ModelError
from tacit.models.study.cells import Job
from tests.models.datasets import test_iemocap, test_mmsa

QUICK = PROFILES["quick"]


def job(seed: int = 0, fold: int = 0) -> Job:
    return Job("x", 1.0, seed, fold)


def test_unknown_names_list_what_is_known() -> None:
    with pytest.raises(ModelError, match="no data set 'mosy'; known: mosi, mosi_given, ravdess"):
        set_of("mosy")
    with pytest.raises(ModelError, match="no profile 'slow'; known: full, quick"):
        profile_of("slow")


def test_every_shipped_set_has_digests() -> None:
    for digests in (GOEMOTIONS, MELD, MOSI_CLEAN, MOSI_GIVEN, RAVDESS):
        assert all(len(value) == 64 for value in digests.values())
    assert {name for name, known in SETS.items() if not known.digests} == {"mmsa", "iemocap"}
    assert "LEAK" in SETS["mosi_given"].note


def test_shares_meet_the_rate_they_are_for() -> None:
    assert shares_for(None, 2, 0.4) == (0.4, 0.0)
    assert shares_for(0.3, 3, 0.4) == pytest.approx((0.4, 0.0))
    assert shares_for(0.7, 2, 0.4) == (0.0, 0.0)
    keep_all, keep_one = shares_for(0.6, 3, 0.4)
    lost = (1.0 - keep_one) * 1.5 + keep_one * 2.0
    assert keep_all == 0.0
    assert lost / 3 == pytest.approx(0.6)


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"must be an aligned_50.pkl file for mmsa"):
        Loader("mmsa", Source(tmp_path / "x.pkl", tmp_path), QUICK)
    with pytest.raises(DatasetError, match=r"mosi/transcripts\.csv: missing"):
        Loader("mosi", Source(tmp_path, tmp_path), QUICK)


def test_a_users_mmsa_file_is_a_task(tmp_path: Path) -> None:
    path = test_mmsa.written(tmp_path, test_mmsa.content())
    task = Loader("mmsa", Source(path, tmp_path), QUICK).task(job(seed=3))
    check_parts(task)
    assert task.train.names == ("audio", "face", "text")
    assert task.train.bins == 6
    assert (task.config.seed, task.config.classes, task.config.epochs) == (3, 2, QUICK.epochs)
    with pytest.raises(DatasetError, match="not 12 as demanded"):
        Loader("mmsa", Source(path, tmp_path, sha256="12"), QUICK).task(job())


def test_a_users_iemocap_folder_is_a_task(tmp_path: Path) -> None:
    loader = Loader("iemocap", Source(test_iemocap.written(tmp_path), tmp_path), QUICK)
    task = loader.task(job())
    check_parts(task)
    assert task.config.classes == 4
    assert loader.folds == 1
    assert replace(QUICK, folds=None).folds is None


@pytest.mark.data
def test_text_sets_have_no_sentence_in_two_parts(data_root: Path, tmp_path: Path) -> None:
    task = Loader("meld", Source(data_root, tmp_path), QUICK).task(job())
    check_parts(task)
    assert task.train.names == ("text",)
    assert len(task.test) == 2610
    assert len(np.unique(task.test.labels)) == 7


@pytest.mark.data
def test_a_changed_data_file_is_refused(data_root: Path, tmp_path: Path) -> None:
    for name in MOSI_CLEAN:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((data_root / name).read_bytes())
    with (tmp_path / "mosi" / "transcripts.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(DatasetError, match=r"transcripts\.csv: its SHA-256 is"):
        Loader("mosi", Source(tmp_path, tmp_path), QUICK)
    Loader("mosi", Source(tmp_path, tmp_path, unchecked=True), QUICK)
