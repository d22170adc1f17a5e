from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data

from tacit.models.checkpoint import read_manifest
from tacit.models.datasets.ferplus import FerPlus
from tacit.models.face_crop import CROP
from tacit.models.face_encoder import FaceEncoder, FaceEncoderConfig
from tacit.models.face_net import FaceNet, FaceNetConfig
from tacit.models.labels import EMOTIONS
from tacit.models.training.face import (
    Examples,
    FaceTrainingConfig,
    batch_of,
    choose_reading,
    encode_all,
    fit,
    fit_temperature,
    parameter_groups,
    score,
    soft_loss,
    train,
)
from tacit.models.training.face_crops import (
    Jitter,
    Placement,
)

Grey = NDArray[np.uint8]
TINY = FaceNetConfig(widths=(4, 8), depths=(1, 1), embedding=6, dropout=0.0)
QUIET = Jitter(0.02, 0.02, 0.5, 0.05, 0.05, 1.0, 0.0, 0.0)
UNMOVED = np.array([[0.25, 0.0, -0.375], [0.0, 0.25, -0.375]])


def portrait_face() -> Grey:
    """The NASA portrait's head as FER+ would show it: 48 x 48 grey."""
    grey = cv2.cvtColor(data.astronaut()[50:190, 155:295], cv2.COLOR_RGB2GRAY)
    small: Grey = cv2.resize(grey, (48, 48), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return small


def striped_faces(count: int) -> FerPlus:
    """Seven kinds of stripes in noise, one per class, over the three parts."""
    rng = np.random.default_rng(4)
    labels = np.arange(count) % len(EMOTIONS)
    y, x = np.indices((CROP, CROP))
    faces = [
        128
        + 60 * np.sin((0.15 + 0.1 * label) * (x if label % 2 else y))
        + rng.normal(0, 10, (CROP, CROP))
        for label in labels
    ]
    soft = np.eye(len(EMOTIONS), dtype=np.float32)[labels]
    parts = np.arange(count) // len(EMOTIONS) % 4 // 2
    return FerPlus(np.clip(faces, 0, 255).astype(np.uint8), soft, labels, parts)


def unmoved(count: int) -> Placement:
    return Placement(np.repeat(UNMOVED[None], count, 0), np.ones(count, dtype=np.bool_))


def test_fit_learns_and_is_reproducible() -> None:
    corpus, placement = striped_faces(168), unmoved(168)
    config = FaceTrainingConfig(
        TINY, QUIET, epochs=4, batch=14, rate=0.2, average=0.5, bf16=False, seed=3
    )
    rows = corpus.rows("train", labelled=False)
    batch = batch_of(corpus, placement, rows, np.random.default_rng(0), config)
    torch.manual_seed(3)
    before = float(soft_loss(FaceNet(TINY).eval(), *batch, bf16=False).detach())

    def last() -> FaceNet:
        *_, net = fit(corpus, placement, config)
        return net.eval()

    net = last()
    after = float(soft_loss(net, *batch, bf16=False).detach())
    assert after < 0.7 * before
    twin = last().state_dict()
    assert all(torch.equal(tensor, twin[name]) for name, tensor in net.state_dict().items())


def test_decay_spares_biases_and_normalisations() -> None:
    decayed, spared = parameter_groups(FaceNet(TINY), FaceTrainingConfig(TINY))
    assert decayed["weight_decay"] == 5e-4
    assert spared["weight_decay"] == 0.0
    counted = [sum(p.numel() for p in group["params"]) for group in (decayed, spared)]  # type: ignore[attr-defined]
    assert sum(counted) == sum(p.numel() for p in FaceNet(TINY).parameters())


def test_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(400, 7)).astype(np.float32)
    soft = torch.from_numpy(logits).softmax(1).numpy()
    assert fit_temperature(logits * 2, soft) == pytest.approx(2.0, rel=0.03)


def test_strength_of_the_prior_buys_recall_but_not_at_any_price() -> None:
    prior = (0.94, *[0.01] * 6)
    rng = np.random.default_rng(1)
    labels = np.concatenate([np.zeros(940, np.int64), np.repeat(np.arange(1, 7), 10)])
    logits = rng.normal(0, 0.6, (1000, 7)).astype(np.float32)
    logits[np.arange(1000), labels] += 2
    logits[:, 0] += 2
    valid = Examples(np.zeros((0, 1, 1), np.uint8), np.eye(7, dtype=np.float32)[labels], labels)
    base = FaceEncoderConfig(TINY, prior=prior)
    chosen = choose_reading(base, logits, valid)
    assert chosen.prior_strength > 0
    plain, read = (score(c.probabilities(logits), labels) for c in (base, chosen))
    assert read["uar"] > plain["uar"]
    assert read["accuracy"] >= plain["accuracy"] - 0.005


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


def test_a_short_run_writes_a_checkpoint_that_loads(tmp_path: Path) -> None:
    write_portraits(tmp_path)
    config = FaceTrainingConfig(TINY, epochs=2, batch=4, limit=8, cache=tmp_path / "cache")
    told: list[str] = []
    manifest = train(tmp_path, tmp_path / "face", config, told.append)
    written = read_manifest(tmp_path / "face")
    assert (written.sha256, written.metrics) == (manifest.sha256, manifest.metrics)
    assert manifest.metrics["test.detection_rate"] == 1.0
    low, value, high = (manifest.metrics[f"test.accuracy{end}"] for end in ("_low", "", "_high"))
    assert 0 <= low <= value <= high <= 1
    assert {"valid.accuracy", "valid.uar", "test.uar_low"} <= set(manifest.metrics)
    assert sum("epoch" in line for line in told) == 2
    assert FaceEncoder.load(tmp_path / "face").dim == TINY.embedding
