"""A gate that is fitted anew: everything else stays, and what it was made for is checked."""

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tacit.models.checkpoint import read_manifest
from tacit.models.errors import CheckpointError
from tacit.models.recognizer import Recognizer
from tacit.models.training.recovery_gate import GateConfig
from tacit.models.training.recovery_regate import NOTE, regate
from tacit.models.training.recovery_run import RunConfig, train_on
from tacit.models.training.stages import StageStore
from tests.fakes.token_data import token_data
from tests.models.training.test_recovery_run import SMALL

MORE: RunConfig = replace(SMALL, gate=GateConfig(replace(SMALL.gate.loop, steps=40), windows=80))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("regate")
    train_on(token_data(), out / "weights", StageStore(out / "stages", lambda _: None), SMALL)
    return out / "weights"


def test_only_the_gate_and_its_settings_change(weights: Path, tmp_path: Path) -> None:
    told: list[str] = []
    made = regate(token_data(), weights, tmp_path / "recovery", MORE, told.append)
    before = read_manifest(weights / "recovery")
    assert made == read_manifest(tmp_path / "recovery")
    assert NOTE in made.notes
    assert made.config["training"]["gate"]["windows"] == 80
    assert made.config["training"]["recovery"] == before.config["training"]["recovery"]
    assert made.config["fusion"] == before.config["fusion"]
    assert set(made.metrics) == set(before.metrics)
    old, new = (
        safetensors.torch.load_file(folder / "model.safetensors")
        for folder in (weights / "recovery", tmp_path / "recovery")
    )
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert set(old) == set(new)
    assert changed
    assert all(name.startswith("gate.") for name in changed)
    assert any("gate" in line for line in told)


def test_the_new_recovery_goes_with_the_fusion(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "fusion").symlink_to(weights / "fusion")
    regate(token_data(), weights, tmp_path / "weights" / "recovery", MORE, lambda _: None)
    assert Recognizer.load(tmp_path / "weights").config.dims


def test_tokens_of_other_encoders_are_refused(weights: Path, tmp_path: Path) -> None:
    data = replace(token_data(), encoders={"audio": "0" * 64})
    with pytest.raises(CheckpointError, match="other encoders"):
        regate(data, weights, tmp_path, MORE, lambda _: None)
