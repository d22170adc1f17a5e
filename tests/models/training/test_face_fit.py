import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tacit.models.datasets.ferplus import FerPlus
from tacit.models.face_crop import CROP
from tacit.models.face_encoder import FaceEncoder, FaceEncoderConfig
from tacit.models.face_net import FaceNet, FaceNetConfig
from tacit.models.labels import EMOTIONS
from tacit.models.training.face_crops import Jitter, Placement
from tacit.models.training.face_fit import (
    Course,
    FaceTrainingConfig,
    Fitting,
    lessons_of,
    parameter_groups,
    rate_at,
    soft_loss,
)

TINY = FaceNetConfig(widths=(4, 8), depths=(1, 1), embedding=6, dropout=0.0)
QUIET = Jitter(0.02, 0.02, 0.5, 0.05, 0.05, 1.0, 0.0, 0.0)
UNMOVED = np.array([[0.25, 0.0, -0.375], [0.0, 0.25, -0.375]])
CONFIG = FaceTrainingConfig(
    TINY, QUIET, courses=(Course(epochs=4, rate=0.2),), batch=14, average=0.5, seed=3
)


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
    return Placement(
        np.repeat(UNMOVED[None], count, 0),
        np.ones(count, dtype=np.bool_),
        np.zeros((count, 8), dtype=np.float32),
    )


def last_of(fitting: Fitting, corpus: FerPlus) -> FaceNet:
    *_, net = fitting.epochs(lessons_of(corpus, unmoved(len(corpus.faces)), None, 0.0))
    return net.eval()


def test_fit_learns_and_is_reproducible() -> None:
    corpus = striped_faces(168)
    lessons = lessons_of(corpus, unmoved(168), None, 0.0)
    batch = lessons.batch(lessons.rows, np.random.default_rng(0), QUIET)
    torch.manual_seed(3)
    before = float(soft_loss(FaceNet(TINY).eval(), *batch, bf16=False).detach())
    net = last_of(Fitting(CONFIG, 0, None), corpus)
    after = float(soft_loss(net, *batch, bf16=False).detach())
    assert after < 0.7 * before
    twin = last_of(Fitting(CONFIG, 0, None), corpus).state_dict()
    assert all(torch.equal(tensor, twin[name]) for name, tensor in net.state_dict().items())


def test_a_course_taken_up_again_ends_where_it_would_have(tmp_path: Path) -> None:
    corpus = striped_faces(84)
    lessons = lessons_of(corpus, unmoved(84), None, 0.0)
    cut = Fitting(CONFIG, 0, None)
    for _ in zip(range(2), cut.epochs(lessons), strict=False):
        pass
    assert cut.done == 2
    cut.save(tmp_path / "state.safetensors")
    again = Fitting(CONFIG, 0, None)
    again.resume(tmp_path / "state.safetensors")
    assert again.done == 2
    whole = last_of(Fitting(CONFIG, 0, None), corpus).state_dict()
    rest = last_of(again, corpus).state_dict()
    assert all(torch.equal(tensor, rest[name]) for name, tensor in whole.items())


def test_a_course_goes_on_from_given_weights() -> None:
    start = {name: tensor.clone() for name, tensor in FaceNet(TINY).state_dict().items()}
    course = FaceTrainingConfig(TINY, QUIET, courses=(Course(epochs=1, rate=1e-9),), batch=14)
    net = last_of(Fitting(course, 0, start), striped_faces(84))
    assert torch.allclose(net.head.weight, start["head.weight"], atol=1e-5)


def test_the_rate_rises_then_falls_to_nothing() -> None:
    rates = [rate_at(step / 200, 0.3) for step in range(201)]
    peak = rates.index(max(rates))
    assert rates[peak] == pytest.approx(0.3)
    assert peak == 20
    assert rates == sorted(rates[: peak + 1]) + sorted(rates[peak + 1 :], reverse=True)
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)


def test_targets_are_votes_mixed_with_what_the_teacher_says_either_way_round() -> None:
    corpus = striped_faces(28)
    torch.manual_seed(0)
    teacher = FaceEncoder(FaceNet(TINY), FaceEncoderConfig(TINY))
    plain = lessons_of(corpus, unmoved(28), teacher, 0.0)
    assert np.array_equal(plain.targets, corpus.soft)
    mixed = lessons_of(corpus, unmoved(28), teacher, 0.25)
    assert mixed.targets[mixed.rows].sum(1) == pytest.approx(np.ones(len(mixed.rows)), abs=1e-5)
    said = (mixed.targets[mixed.rows] - 0.75 * corpus.soft[mixed.rows]) / 0.25
    mirror = FerPlus(
        np.ascontiguousarray(corpus.faces[:, :, ::-1]), corpus.soft, corpus.labels, corpus.parts
    )
    turned = lessons_of(mirror, unmoved(28), teacher, 0.25)
    other = (turned.targets[mixed.rows] - 0.75 * corpus.soft[mixed.rows]) / 0.25
    assert said == pytest.approx(other, abs=0.02)
    assert said.min() > 0


def test_settings_name_what_a_cut_run_left(tmp_path: Path) -> None:
    other = FaceTrainingConfig(TINY, QUIET, courses=CONFIG.courses, batch=14, average=0.5, seed=4)
    assert CONFIG.resumable(tmp_path, 0) != other.resumable(tmp_path, 0)
    assert CONFIG.resumable(tmp_path, 0).parent == tmp_path
    assert math.isfinite(int(CONFIG.digest(0), 16))


def test_decay_spares_biases_and_normalisations() -> None:
    decayed, spared = parameter_groups(FaceNet(TINY), FaceTrainingConfig(TINY))
    assert decayed["weight_decay"] == 5e-4
    assert spared["weight_decay"] == 0.0
    counted = [sum(p.numel() for p in group["params"]) for group in (decayed, spared)]  # type: ignore[attr-defined]
    assert sum(counted) == sum(p.numel() for p in FaceNet(TINY).parameters())
