import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tacit.models import checkpoint
from tacit.models.baseline import BaselineRule, Population
from tacit.models.baseline_store import (
    KIND,
    StoredBaseline,
    as_arrays,
    as_config,
    load_baseline,
)
from tacit.models.errors import CheckpointError
from tacit.models.manifest import SHIPPED, Manifest

RULE = BaselineRule(pull=0.3, scale_count=float("inf"), half_life_s=90.0)


def manifest(kind: str, config: dict[str, Any]) -> Manifest:
    return Manifest(kind, config, [], "none", "none", 0, {})


def weights(folder: Path, **changes: Any) -> Path:
    """An audio encoder of one number and a baseline for it."""
    encoder = checkpoint.save(folder / "audio", {"x": torch.ones(1)}, manifest("audio", {}))
    rows = [np.array([k, k + 0.5]) for k in range(6)]
    stored = StoredBaseline({"audio": Population(*rows)}, {"audio": encoder.sha256}, RULE, 3.7)
    arrays = {name: torch.from_numpy(row) for name, row in as_arrays(stored).items()}
    config = as_config(stored) | changes
    checkpoint.save(folder / KIND, arrays, manifest(KIND, config))
    return folder


def test_it_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    stored = load_baseline(weights(tmp_path))
    assert stored.rule == RULE
    assert stored.observation_s == 3.7
    assert stored.populations["audio"].neutral_within.tolist() == [5.0, 5.5]
    assert json.loads((tmp_path / KIND / "manifest.json").read_text())["config"]["unlimited"]


def test_it_belongs_to_one_encoder(tmp_path: Path) -> None:
    weights(tmp_path)
    checkpoint.save(tmp_path / "audio", {"x": torch.zeros(1)}, manifest("audio", {}))
    with pytest.raises(CheckpointError, match=r"is about the audio encoder .*run tools/train.py"):
        load_baseline(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": {"pull": -1.0}},
        {"rule": {"push": 1.0}},
        {"observation_s": "long"},
        {"encoders": {"face": "a" * 64}},
        {"unlimited": None},
    ],
)
def test_a_config_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="does not hold a baseline"):
        load_baseline(weights(tmp_path, **changes))


def test_none_there_and_damage_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint here"):
        load_baseline(tmp_path)
    path = weights(tmp_path) / KIND / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="SHA-256"):
        load_baseline(tmp_path)


def test_the_shipped_one_belongs_to_the_shipped_voice() -> None:
    stored = load_baseline(SHIPPED)
    assert set(stored.populations) == {"audio"}
    assert stored.rule.running
