from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from tacit.models.benchmark.cell import checked, mask_seed, run_cells
from tacit.models.errors import DatasetError, ModelError
from tacit.models.features import Float32
from tacit.models.study.cells import CellStore, Job
from tacit.models.study.workbench import Build, Task
from tacit.models.zoo.drop import Drop
from tests.models.benchmark.test_honesty import Averaging, grouped, task

JOB = Job("pairs", 1.0, 2, 1)
BUILDS: dict[str, Build] = {"drop": lambda w: w.drop, "whole": lambda w: w.whole}


def run(
    store: CellStore, builds: dict[str, Build], data: Task | None = None
) -> tuple[int, list[str]]:
    lines: list[str] = []
    ticks = count()
    made = run_cells(
        JOB, lambda: data or task(), builds, store, (lambda: float(next(ticks)), lines.append)
    )
    return made, lines


def test_cells_are_stored_once_with_masks_and_figures(tmp_path: Path) -> None:
    store = CellStore(tmp_path / "cells.jsonl", tmp_path / "arrays")
    made, lines = run(store, BUILDS)
    assert (made, len(lines)) == (2, 2)
    assert run(store, BUILDS) == (0, [])
    line, arrays = store.finished()[JOB, "drop"], store.read(JOB, "drop")
    assert line["parameters"] > 0
    assert line["latency_ms"] > 0.0
    assert line["realised"]["random 0.5"] == pytest.approx(0.5)
    assert set(line["temperatures"]) == {"audio", "face", "audio+face"}
    assert arrays["damage.noise 0 dB"].shape == arrays["test.face"].shape == (120, 3)
    assert np.array_equal(arrays["labels"], task().test.labels)
    assert store.read(JOB, "masks")["random 0.3"].shape == (5, 120, 2)


def test_a_cell_is_the_same_whatever_was_computed_before_it(tmp_path: Path) -> None:
    alone = CellStore(tmp_path / "a.jsonl", tmp_path / "a")
    after = CellStore(tmp_path / "b.jsonl", tmp_path / "b")
    run(alone, {"drop": BUILDS["drop"]})
    run(after, {"whole": BUILDS["whole"], "drop": BUILDS["drop"]})
    first, second = alone.read(JOB, "drop"), after.read(JOB, "drop")
    assert all(np.array_equal(first[key], second[key]) for key in first)


def test_a_leak_and_a_look_at_neighbours_end_the_run(tmp_path: Path) -> None:
    store = CellStore(tmp_path / "cells.jsonl", tmp_path / "arrays")
    honest = task()
    leaky = replace(honest, valid=grouped(honest.test, -500))
    with pytest.raises(DatasetError, match="a leak"):
        run(store, BUILDS, leaky)

    def averaging(w: object) -> Averaging:
        model = Averaging()
        model.fit(honest.train, honest.valid, replace(honest.config, epochs=6))
        return model

    with pytest.raises(ModelError, match="without its neighbours"):
        run(store, {"bad": averaging})
    assert store.finished() == {}


def test_answers_must_be_probabilities() -> None:
    for wrong in (np.full((2, 3), 0.5), np.full((2, 3), np.nan)):
        with pytest.raises(ModelError, match="Drop: its answers are no probabilities"):
            checked(np.asarray(wrong, dtype=np.float32), Drop())
    right: Float32 = np.full((2, 2), 0.5, dtype=np.float32)
    assert checked(right, Drop()) is right


def test_masks_differ_between_folds_and_seeds() -> None:
    assert len({mask_seed(Job("x", 1.0, s, f)) for s in range(5) for f in range(5)}) == 25
