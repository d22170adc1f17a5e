import json
from pathlib import Path

import pytest
import torch

from tacit.models import checkpoint
from tacit.models.checkpoint import Manifest
from tacit.models.errors import CheckpointError


def written(folder: Path) -> torch.nn.Linear:
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2)
    checkpoint.save(
        folder,
        layer.state_dict(),
        Manifest(
            kind="test",
            config={"in_features": 3, "out_features": 2},
            data=["none"],
            licence="Apache-2.0",
            split="none",
            seed=0,
            metrics={"valid.accuracy": 0.5},
        ),
    )
    return layer


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    layer = written(tmp_path)
    tensors, manifest = checkpoint.load(tmp_path, "test")
    restored = torch.nn.Linear(**manifest.config)
    checkpoint.restore(restored, tensors, tmp_path)
    torch.testing.assert_close(restored.weight, layer.weight, atol=1e-3, rtol=1e-3)
    assert restored.weight.dtype == torch.float32
    assert "valid.accuracy | 0.5000" in (tmp_path / "card.md").read_text()


def test_another_kind_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(CheckpointError, match="holds a 'test' model, 'face' wanted"):
        checkpoint.load(tmp_path, "face")


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    written(tmp_path)
    path = tmp_path / "model.safetensors"
    good = path.read_bytes()
    for at in range(0, len(good), 7):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(CheckpointError, match="damaged or changed"):
            checkpoint.load(tmp_path, "test")


def test_truncated_and_missing_files_are_named(tmp_path: Path) -> None:
    written(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        checkpoint.load(tmp_path, "test")
    path.unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.load(tmp_path, "test")
    with pytest.raises(CheckpointError, match="no checkpoint here"):
        checkpoint.load(tmp_path / "nowhere", "test")


def test_weights_that_do_not_fit_the_config_are_refused(tmp_path: Path) -> None:
    written(tmp_path)
    tensors, _ = checkpoint.load(tmp_path, "test")
    with pytest.raises(CheckpointError, match="do not fit the config"):
        checkpoint.restore(torch.nn.Linear(4, 2), tensors, tmp_path)


def test_the_hash_in_the_manifest_is_checked_not_trusted(tmp_path: Path) -> None:
    written(tmp_path)
    path = tmp_path / "manifest.json"
    fields = json.loads(path.read_text())
    fields["sha256"] = "0" * 64
    path.write_text(json.dumps(fields))
    with pytest.raises(CheckpointError, match="the manifest says 000000000000"):
        checkpoint.load(tmp_path, "test")
