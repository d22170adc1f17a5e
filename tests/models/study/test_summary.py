from pathlib import Path

import numpy as np
import pytest

from tacit.models.errors import ModelError
from tacit.models.features import Modality
from tacit.models.study.cells import CellStore, Job
from tacit.models.study.judging import patterns
from tacit.models.study.summary import reference_of, summarise, whole_seeds

NAMES: tuple[Modality, ...] = ("audio", "face")


def write(store: CellStore, method: str, skill: float, seeds: tuple[int, ...] = (0, 1)) -> None:
    """A method that is right with some chance more than chance, the same in all folds."""
    for seed in seeds:
        for fold in range(2):
            rng = np.random.default_rng([seed, fold])
            labels = np.arange(100) % 4
            arrays = {"labels": labels, "groups": np.arange(100) // 20 + 5 * fold}
            arrays["prior"] = np.full(4, 0.25)
            right = rng.random(100) < skill
            picked = np.where(right, labels, (labels + 1) % 4)
            for name in patterns(NAMES):
                arrays[f"test.{name}"] = 0.6 * np.eye(4)[picked] + 0.1
                arrays[f"share.{name}"] = np.full(100, 0.5)
                arrays[f"recovered.{name}"] = arrays[f"dropped.{name}"] = arrays[f"test.{name}"]
            store.write(Job("s", 1.0, seed, fold), method, arrays, {})


@pytest.fixture
def store(tmp_path: Path) -> CellStore:
    return CellStore(tmp_path / "s.jsonl", tmp_path / "runs")


def test_differences_are_paired_and_have_their_sign(store: CellStore) -> None:
    write(store, "ours", 0.8)
    write(store, "drop", 0.6)
    write(store, "zero", 0.6, seeds=(0,))
    rows = summarise("s", store)["shares"]["1.0"]["rows"]
    fixed = rows["drop"]["behind"]["uar"]["fixed"]
    own = [rows[m]["figures"]["uar"]["fixed"][0] for m in ("ours", "drop")]
    assert fixed[0] == pytest.approx(own[0] - own[1], abs=1e-4)
    assert fixed[1] > 0.0
    assert rows["zero"]["seeds"] == [0]
    assert "behind" not in rows["ours"]
    assert rows["drop"]["against"] == "ours"


def test_losing_more_loses_more(store: CellStore) -> None:
    write(store, "ours", 0.9)
    uar = summarise("s", store)["shares"]["1.0"]["rows"]["ours"]["figures"]["uar"]
    # Up to .5 one modality is left, and this method is as good with one; beyond, some have none.
    assert uar["random 0.5"][0] == pytest.approx(uar["audio"][0], abs=1e-6)
    assert uar["random 0.7"][0] < uar["random 0.6"][0] < uar["random 0.5"][0]


def test_a_seed_that_lacks_a_fold_is_left_out(store: CellStore) -> None:
    write(store, "ours", 0.9)
    store.write(Job("s", 1.0, 7, 0), "ours", {}, {})
    assert sorted(whole_seeds(store.finished(), 1.0)["ours"]) == [0, 1]


def test_calibration_and_the_gate_are_summed_up(store: CellStore) -> None:
    write(store, "ours", 0.7)
    found = summarise("s", store)["shares"]["1.0"]
    bins = found["rows"]["ours"]["reliability"]["face"]
    assert sum(bins["count"]) == 400
    assert bins["confidence"][7] == pytest.approx(0.7, abs=1e-6)
    assert bins["ece"] == pytest.approx(abs(bins["accuracy"][7] - 0.7), abs=1e-3)
    assert found["gate"]["face"]["shares"]["both right"][1] == 0.5
    assert (found["clusters"], found["samples"]) == (10, 200)


def test_some_folds_can_be_summed_up_alone(store: CellStore) -> None:
    write(store, "ours", 0.7)
    store.write(Job("s", 0.1, 0, 1), "ours", {}, {})  # no arrays: its fold is not asked for
    found = summarise("s", store, [0])
    assert found["folds"] == [0]
    assert list(found["shares"]) == ["1.0"]
    assert found["shares"]["1.0"]["clusters"] == 5
    with pytest.raises(ModelError, match="no finished cell"):
        summarise("s", store, [9])


def test_nothing_finished_is_said(store: CellStore) -> None:
    with pytest.raises(ModelError, match="no finished cell"):
        summarise("s", store)


def test_every_method_has_its_reference() -> None:
    assert reference_of("plugin.zero") == "plugin.ours"
    assert reference_of("student2.k8") == "teacher50.k32"
    assert reference_of("ablation.both") == "recovered.full"
    assert reference_of("dropkd.two") == "ours"
