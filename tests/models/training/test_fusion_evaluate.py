import numpy as np
import pytest
import torch

from tacit.models.calibration import PATTERNS, Calibration
from tacit.models.features import MODALITIES, Modality
from tacit.models.fusion import Fusion, FusionConfig
from tacit.models.training.banks import CLASSES, Bank, ClassIndex, ItemBank, Spread
from tacit.models.training.fusion_data import Alone, alone_items
from tacit.models.training.fusion_evaluate import (
    Judged,
    calibrate,
    calibrated_loss,
    figures,
    judge,
    product_of_experts,
)
from tacit.models.training.pairing import Pairer, PairingConfig

BINS = 3
DIMS: dict[Modality, int] = {"audio": 4, "face": 5, "text": 6}
UNIFORM = np.full(CLASSES, 1 / CLASSES)
ONES = Calibration(dict.fromkeys(PATTERNS, 1.0))


def test_the_product_of_experts_by_hand() -> None:
    prior = np.full(7, 1 / 7)
    logits = np.log(np.array([[0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]], dtype=np.float32))
    judged = Judged(logits, np.array([0]), None, {"audio": logits, "face": logits})
    product = product_of_experts(judged, Calibration(dict.fromkeys(PATTERNS, 1.0)), prior)
    assert np.exp(product)[0] == pytest.approx(np.array([0.16, *[0.01] * 6]) * 7, rel=1e-4)


def test_calibration_softens_an_over_confident_pattern() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 400)
    shown = np.where(rng.random(400) < 0.6, labels, rng.integers(0, 7, 400))
    loud = 20.0 * np.eye(7, dtype=np.float32)[shown]
    judged = {name: Judged(loud, labels, None, {}) for name in PATTERNS}
    calibration = calibrate(judged)
    confidence = calibration.apply(loud, "audio").max(axis=1).mean()
    assert confidence == pytest.approx((shown == labels).mean(), abs=0.02)


@pytest.fixture(scope="module")
def judged() -> dict[str, Judged]:
    torch.manual_seed(0)
    net = Fusion(FusionConfig(DIMS, BINS, width=8, layers=1, heads=2))
    labels = np.tile(np.arange(CLASSES), 4)
    banks: dict[Modality, Bank] = {}
    alone: dict[Modality, Alone] = {}
    for name, dim in DIMS.items():
        values = np.random.default_rng(dim).normal(size=(len(labels), dim)).astype(np.float32)
        banks[name] = ItemBank(values[:, None], ClassIndex(labels, name), Spread(BINS))
        reference = np.eye(7, dtype=np.float32)[labels]
        alone[name] = alone_items(name, values, labels, reference, BINS)
    pairer = Pairer(banks, UNIFORM, PairingConfig(), BINS)
    return judge(net, alone, pairer, windows=50, seed=1)


def test_every_pattern_is_judged(judged: dict[str, Judged]) -> None:
    assert list(judged) == list(PATTERNS)
    for name, present in PATTERNS.items():
        single = len(present) == 1
        assert (judged[name].alone is None) != single
        assert set(judged[name].parts) == (set() if single else set(present))
        assert len(judged[name].logits) == (28 if single else 50)


def test_an_untrained_sum_is_the_sum_of_its_parts(judged: dict[str, Judged]) -> None:
    parts = judged["audio+face+text"].parts
    total = parts["audio"] + parts["face"] + parts["text"]
    # the head of the transformer starts at zero weights, so only its bias is counted thrice
    apart = judged["audio+face+text"].logits - total
    assert np.allclose(apart, apart[0], atol=1e-5)


def test_the_loss_of_guessing_is_that_of_the_uniform(judged: dict[str, Judged]) -> None:
    flat = {n: Judged(0 * j.logits, j.labels, j.alone, j.parts) for n, j in judged.items()}
    assert calibrated_loss(flat) == pytest.approx(np.log(7))


def test_figures_are_named_by_part_and_pattern(judged: dict[str, Judged]) -> None:
    found = figures("valid", judged, calibrate(judged), UNIFORM, rounds=3)
    assert found["valid.face.encoder_uar"] == 1.0
    assert {f"valid.{m}.uar_low" for m in MODALITIES} <= set(found)
    assert "valid.audio+text.paired.product_uar" in found
    assert all(np.isfinite(v) and 0 <= v <= 1 for v in found.values())
    assert found["valid.text.error_all"] == pytest.approx(1 - found["valid.text.accuracy"])
