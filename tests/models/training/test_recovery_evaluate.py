import itertools

import numpy as np
import pytest
import torch

from tacit.models.recovery.fills import MlpRegressor
from tacit.models.training.gaps import GapConfig, GapPairer
from tacit.models.training.pairing import Pairer, PairingConfig
from tacit.models.training.recovery_evaluate import (
    Readings,
    Rivals,
    energy_distance,
    read_all,
    sample_counts,
    table,
)
from tests.fakes.token_data import BINS, DIMS, token_data
from tests.fakes.trained import CONFIG, fusion, student


@pytest.fixture(scope="module")
def readings() -> Readings:
    torch.manual_seed(0)
    rivals = Rivals(
        fusion(), fusion(1), fusion(2), student(), student(1), MlpRegressor(CONFIG, 8).eval(),
        {m: torch.ones(BINS, d) for m, d in DIMS.items()},
    )  # fmt: skip
    pairer = Pairer(token_data().banks["test"], np.full(7, 1 / 7), PairingConfig(), BINS)
    source = GapPairer(pairer, rivals.fusion, GapConfig(tokens=3)), np.random.default_rng(0)
    noise = torch.randn(32, CONFIG.positions, CONFIG.latent)
    ticks = itertools.count()
    return read_all(rivals, source, "audio+text|face", 20, (noise, lambda: float(next(ticks))))


def test_every_rival_reads_the_same_windows(readings: Readings) -> None:
    assert set(readings.rows) == {
        "whole", "drop", "drop+kd", "drop+kd, refined", "student@1", "student@2", "student@4",
        "euler@1", "euler@2", "euler@4", "teacher@50", "mlp", "mean", "zero",
    }  # fmt: skip
    assert all(torch.cat(row.logits).shape[0] == 20 for row in readings.rows.values())


def test_the_table_has_a_line_per_method_and_number_of_samples(readings: Readings) -> None:
    lines = {(line["method"], line["samples"]): line for line in table(readings, readings)}
    assert len(lines) == sum(len(sample_counts(name)) for name in readings.rows)
    assert {("student@1", 1), ("student@1", 8), ("student@1", 32)} <= set(lines)
    for line in lines.values():
        assert 0.0 <= float(line["accuracy"] or 0.0) <= 1.0
        assert float(line["nll"] or 0.0) > 0.0
    zero = lines["zero", 1]
    assert zero["r2"] == pytest.approx(0.0, abs=1e-5)
    assert zero["ms_per_window"] == pytest.approx(1000.0 / 20)
    assert "mse" not in lines["drop", 1]
    assert "mse" not in lines["student@1", 1]


def test_the_energy_distance_is_nothing_for_the_same_cloud_and_grows() -> None:
    generator = torch.Generator().manual_seed(0)
    one, same = (torch.randn(400, 3, generator=generator) for _ in range(2))
    assert energy_distance(one, same) == pytest.approx(0.0, abs=0.02)
    assert energy_distance(one, same + 1.0) > 0.2
    assert energy_distance(one, same + 3.0) > energy_distance(one, same + 1.0)
