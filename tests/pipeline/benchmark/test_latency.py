from typing import Any

import pytest

from tacit.models.zoo.drop import Drop, Whole
from tacit.pipeline.benchmark.latency import edges, latency_table, timed
from tests.fakes.pairs import QUICK, make_pairs


def test_models_take_turns_and_have_both_times() -> None:
    models: dict[str, Any] = {"drop": Drop(), "whole": Whole()}
    for model in models.values():
        model.fit(make_pairs(), make_pairs(seed=1), QUICK)
    found = timed(models, make_pairs(4).only({"face"}), repeats=6)
    for wall, work in found.values():
        assert 0.0 < wall[0] <= wall[1]
        assert 0.0 < work[0] <= work[1]


def test_a_measurement_becomes_a_table() -> None:
    found = {
        "data": "ravdess", "lost": "audio", "repeats": 6, "machine": "x86", "load": 0.5,
        "rows": {"nmer": {"wall_ms": [2.0, 4.0], "work_ms": [1.0, 3.0], "note": "n"}},
    }  # fmt: skip
    table = latency_table(found)
    assert table.rows == (("NMER", "n", "1.0", "3.0", "2.0", "4.0"),)
    assert "6 windows per model" in table.note
    assert edges([1.0, 2.0, 3.0])[0] == pytest.approx(2.0)
