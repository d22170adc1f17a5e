from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data

from tacit.models.checkpoint import read_manifest
from tacit.models.face_crop import CROP
from tacit.models.face_encoder import FaceEncoder, FaceEncoderConfig
from tacit.models.face_net import FaceNet, FaceNetConfig
from tacit.models.labels import EMOTIONS
from tacit.models.training.face import (
    POINTS,
    Examples,
    choose_reading,
    choose_strength,
    encode_all,
    fit_temperature,
    point_figures,
    score,
    train,
)
from tacit.models.training.face_fit import Course, FaceTrainingConfig

Grey = NDArray[np.uint8]
Float32 = NDArray[np.float32]
TINY = FaceNetConfig(widths=(4, 8), depths=(1, 1), embedding=6, dropout=0.0)


def portrait_face() -> Grey:
    """The NASA portrait's head as FER+ would show it: 48 x 48 grey."""
    grey = cv2.cvtColor(data.astronaut()[50:190, 155:295], cv2.COLOR_RGB2GRAY)
    small: Grey = cv2.resize(grey, (48, 48), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return small


def test_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(400, 7)).astype(np.float32)
    soft = torch.from_numpy(logits).softmax(1).numpy()
    assert fit_temperature(logits * 2, soft) == pytest.approx(2.0, rel=0.03)


def skewed() -> tuple[FaceEncoderConfig, Float32, Examples]:
    """Logits that lean towards a common class, and their labels."""
    rng = np.random.default_rng(1)
    labels = np.concatenate([np.zeros(940, np.int64), np.repeat(np.arange(1, 7), 10)])
    logits = rng.normal(0, 0.6, (1000, 7)).astype(np.float32)
    logits[np.arange(1000), labels] += 2
    logits[:, 0] += 2
    valid = Examples(np.zeros((0, 1, 1), np.uint8), np.eye(7, dtype=np.float32)[labels], labels)
    return FaceEncoderConfig(TINY, prior=(0.94, *[0.01] * 6)), logits, valid


def test_strength_of_the_prior_buys_recall_but_not_at_any_price() -> None:
    base, logits, valid = skewed()
    chosen = choose_reading(base, logits, valid)
    assert chosen.prior_strength > 0
    plain, read = (score(c.probabilities(logits), valid.labels) for c in (base, chosen))
    assert read["uar"] > plain["uar"]
    assert read["accuracy"] >= plain["accuracy"] - 0.015


def test_operating_points_are_chosen_apart() -> None:
    base, logits, valid = skewed()
    strengths = [choose_strength(base, logits, valid.labels, paid) for paid in (0.0, 1.0)]
    assert strengths[0] < strengths[1]
    figures = point_figures(base, logits, valid.labels)
    assert {name.split(".")[1] for name in figures} == set(POINTS)
    assert figures["valid.accurate.accuracy"] >= figures["valid.balanced.accuracy"]
    assert figures["valid.accurate.uar"] <= figures["valid.balanced.uar"]
    assert figures["valid.accurate.strength"] == strengths[0]


def test_encode_all_leaves_the_net_as_it_was() -> None:
    net = FaceNet(TINY).train()
    logits = encode_all(net, FaceTrainingConfig(TINY), np.zeros((300, CROP, CROP), np.uint8))
    assert logits.shape == (300, 7)
    assert net.training
    assert isinstance(net.stem_norm, torch.nn.BatchNorm2d)


def write_portraits(root: Path) -> None:
    """A FER+ store of 30 slightly different portraits with votes for two classes."""
    face, rng = portrait_face(), np.random.default_rng(5)
    sheet = np.zeros((50 * CROP, 50 * CROP), dtype=np.uint8)
    for index in range(30):
        noisy = np.clip(face + rng.normal(0, 3, face.shape), 0, 255)
        sheet[:CROP, index * CROP : (index + 1) * CROP] = noisy.astype(np.uint8)
    votes = np.zeros((30, 10), dtype=np.uint8)
    votes[::2, 0], votes[1::2, 1] = 9, 8
    (root / "ferplus").mkdir()
    np.savez(
        root / "ferplus" / "ferplus.npz",
        mosaic_00=cv2.imencode(".png", sheet)[1],
        votes=votes,
        classes=np.array([*EMOTIONS, "contempt", "unknown", "NF"]),
        split=np.arange(30, dtype=np.uint8) // 10,
    )


def short_config(cache: Path) -> FaceTrainingConfig:
    courses = (Course(epochs=1), Course(epochs=2, rate=0.02, teacher=0.5))
    return FaceTrainingConfig(TINY, courses=courses, batch=4, limit=8, cache=cache)


def test_a_short_run_writes_a_checkpoint_that_loads(tmp_path: Path) -> None:
    write_portraits(tmp_path)
    told: list[str] = []
    manifest = train(tmp_path, tmp_path / "face", short_config(tmp_path / "cache"), told.append)
    written = read_manifest(tmp_path / "face")
    assert (written.sha256, written.metrics) == (manifest.sha256, manifest.metrics)
    assert manifest.metrics["test.detection_rate"] == 1.0
    for prefix in ("test", *(f"test.{point}" for point in POINTS)):
        low, value, high = (
            manifest.metrics[f"{prefix}.accuracy{end}"] for end in ("_low", "", "_high")
        )
        assert 0 <= low <= value <= high <= 1
    assert manifest.metrics["test.balanced.uar"] == manifest.metrics["test.uar"]
    assert {"valid.accuracy", "valid.uar", "test.uar_low"} <= set(manifest.metrics)
    assert sum("epoch" in line for line in told) == 3
    assert FaceEncoder.load(tmp_path / "face").dim == TINY.embedding
    assert {path.name for path in (tmp_path / "face").iterdir()} == {
        *("card.md", "manifest.json", "model.safetensors")
    }


def cut_at(start: str, told: list[str]) -> Callable[[str], None]:
    """A listener that cuts the run at a line."""

    def listen(line: str) -> None:
        told.append(line)
        if line.startswith(start):
            raise KeyboardInterrupt

    return listen


def test_a_cut_run_goes_on_after_its_last_whole_epoch(tmp_path: Path) -> None:
    write_portraits(tmp_path)
    config = short_config(tmp_path / "cache")
    told: list[str] = []
    for until in ("epoch 2/2", "epoch 2/2"):
        told.clear()
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, tmp_path / "face", config, cut_at(until, told))
    assert [line[:9] for line in told] == ["going on ", "epoch 2/2"]


def test_a_run_can_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    write_portraits(tmp_path)
    config = short_config(tmp_path / "cache")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, tmp_path / "face", config, cut_at("epoch 2/2", []))
    (first,) = (tmp_path / "cache").glob("face-*")
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, tmp_path / "on", replace(config, start=first), cut_at("epoch 1/2", told))
    assert [line[:9] for line in told] == ["epoch 1/2"]
