import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from tacit.models import checkpoint
from tacit.models.audio_net import AudioNet, AudioNetConfig
from tacit.models.manifest import Manifest
from tools.study_audio import app

RUNNER = CliRunner()
NET = AudioNetConfig(stem=(4, 8, 8), width=16, dilations=(1,), dim=8)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    clean = ["uar", "uar_low", "uar_high", "uar_female", "uar_male"]
    names = [*clean, "uar_snr20", "uar_snr10", "uar_snr0", "loss"]
    figures = {f"{p}.{n}": 0.01 * i for p in ("valid", "test") for i, n in enumerate(names)}
    torch.manual_seed(0)
    made = Manifest("audio", asdict(NET), [], "none", "none", 0, figures)
    checkpoint.save(tmp_path / "audio", AudioNet(NET).state_dict(), made)
    return tmp_path / "audio"


def test_figures_of_folds_and_checkpoint_become_one_document(weights: Path, tmp_path: Path) -> None:
    log, out = tmp_path / "study.jsonl", tmp_path / "results" / "audio.json"
    row = {
        "approach": "mixup",
        "purpose": "choose",
        "fold": 0,
        "actors": [1, 2],
        "labels": [0, 1],
        "predicted": [0, 1],
        "predicted_noise": [0, 0],
        "uar": 1.0,
        "loss": 0.5,
        "parameters": 7,
        "cpu_s": 3.0,
    }
    log.write_text(json.dumps(row) + "\n")
    options = ["--weights", str(weights), "--log", str(log), "--out", str(out)]
    options += ["--earlier", str(weights)]
    assert RUNNER.invoke(app, ["write", *options]).exit_code == 0
    made = json.loads(out.read_text())
    approach, earlier = made["approaches"]
    assert earlier["name"] == "earlier"
    assert earlier["test"] == made["final"]["test"]
    assert approach["name"] == "mixup"
    assert approach["cv"]["uar"]["value"] == 1.0
    assert approach["cv"]["uar_snr10"]["value"] == 0.5
    assert approach["cv_all"] is None
    assert made["final"]["test"]["snr"] == {"20": 0.05, "10": 0.06, "0": 0.07}
    assert made["final"]["test"]["by_sex"] == {"female": 0.03, "male": 0.04}
    assert made["parameters"] == sum(p.numel() for p in AudioNet(NET).parameters())


def test_an_unknown_recipe_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["run", "magic", "--root", str(tmp_path)])
    assert result.exit_code == 1
    assert "want functionals, plain, " in result.stderr
