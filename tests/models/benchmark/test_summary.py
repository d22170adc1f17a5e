from itertools import count

import numpy as np
import pytest

from tacit.models.benchmark.cell import run_cells
from tacit.models.benchmark.sets import DataSet
from tacit.models.benchmark.summary import AREA, LOST, Reader, picked, seed_spread, summarise
from tacit.models.errors import ModelError
from tacit.models.study.cells import CellStore, Job
from tacit.models.study.workbench import Build
from tests.models.benchmark.test_honesty import task

KNOWN = DataSet("Pairs", ("audio", "face"), "uar", 3, 1, "groups", "nowhere", "Made up.")
BUILDS: dict[str, Build] = {
    "drop": lambda w: w.drop,
    "dropkd": lambda w: w.dropkd,
    "zero": lambda w: w.whole,
    "mine.Mine": lambda w: w.whole,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> CellStore:
    folder = tmp_path_factory.mktemp("cells")
    made = CellStore(folder / "cells.jsonl", folder / "arrays")
    ticks = count()
    for seed in (0, 1):
        job = Job("pairs", 1.0, seed, 0)
        run_cells(job, task, BUILDS, made, (lambda: float(next(ticks)), lambda line: None))
    return made


def test_every_model_has_every_condition_with_intervals(store: CellStore) -> None:
    found = summarise(store, "pairs", KNOWN, folds=1)
    assert list(found["rows"]) == ["zero", "drop", "dropkd", "mine.Mine"]
    row = found["rows"]["drop"]
    assert row["seeds"] == [0, 1]
    whole = row["figures"]["fixed audio+face"]["uar"]
    assert whole[1] <= whole[0] <= whole[2]
    # Nothing missing is the same as keeping both.
    assert row["figures"]["random 0.0"]["uar"] == whole
    # At the rate .5 of two modalities each sample has one: the mean of both lies near.
    half = row["figures"]["random 0.5"]["accuracy"][0]
    alone = [row["figures"][f"fixed {name}"]["accuracy"][0] for name in ("audio", "face")]
    assert min(alone) - 0.05 <= half <= max(alone) + 0.05
    assert row["figures"][LOST]["accuracy"][0] == pytest.approx(np.mean(alone), abs=1e-4)
    assert row["figures"]["random 0.7"]["accuracy"][0] < half
    assert row["figures"][AREA]["uar"][0] < whole[0]
    assert found["realised"]["random 0.5"] == pytest.approx(0.5)
    assert (found["clusters"], found["samples"]) == (6, 120)


def test_models_are_compared_with_the_strong_baseline(store: CellStore) -> None:
    tests = summarise(store, "pairs", KNOWN, folds=1)["tests"]
    assert set(tests) == {"zero", "drop", "mine.Mine"}
    for found in tests.values():
        assert 0.0 < found["p"] <= found["p_corrected"] <= 1.0
        assert found["gap"][1] <= found["gap"][0] <= found["gap"][2]
    assert tests["zero"] == tests["mine.Mine"]


def test_seeds_without_all_folds_do_not_count(store: CellStore) -> None:
    assert Reader(store, "pairs", folds=2).models() == []
    with pytest.raises(ModelError, match="no model has a finished seed yet"):
        summarise(store, "pairs", KNOWN, folds=2)
    with pytest.raises(ModelError, match="other: no model"):
        summarise(store, "other", KNOWN, folds=1)


def test_the_spread_over_seeds_is_a_standard_deviation(store: CellStore) -> None:
    from tacit.models.benchmark.protocols import settings_of
    from tacit.models.benchmark.scores import area, curves, stacked
    from tacit.models.benchmark.summary import counted

    reader = Reader(store, "pairs", 1)
    random = {s.rates[0]: s for s in settings_of(KNOWN.modalities, 1) if s.protocol == "random"}
    index = {group: group - 20 for group in range(20, 26)}
    counts = {
        s.key: stacked([counted(reader.read("drop", seed), s, KNOWN, index) for seed in (0, 1)])
        for s in random.values()
    }
    keys = {rate: s.key for rate, s in random.items()}
    ones = np.ones((1, 6))
    each = [
        area({r: curves(picked(counts[k], [seed]), ones)["uar"] for r, k in keys.items()})[0]
        for seed in (0, 1)
    ]
    assert seed_spread(counts, keys, "uar") == pytest.approx(
        abs(each[0] - each[1]) / 2**0.5, abs=1e-5
    )
