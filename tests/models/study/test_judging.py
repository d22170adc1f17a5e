import numpy as np
import pytest

from tacit.models.features import Float32
from tacit.models.study.judging import (
    calibrated,
    class_prior,
    figures,
    patterns,
    read_patterns,
    temperatures,
)
from tacit.models.zoo.samples import Samples
from tests.fakes.pairs import make_pairs


def test_every_set_of_modalities_is_read_once_under_its_mask() -> None:
    seen = []

    def predict(batch: Samples) -> Float32:
        seen.append(tuple(name for name in batch.names if batch.mask[name].all()))
        return np.full((len(batch), 3), 1 / 3, np.float32)

    found = read_patterns(predict, make_pairs())
    assert list(found) == ["audio", "face", "audio+face"]
    assert seen == [("audio",), ("face",), ("audio", "face")]
    assert len(patterns(("audio", "face", "text"))) == 7


def test_a_temperature_repairs_what_is_too_sure() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 2000)
    logits = rng.normal(size=(2000, 3)) + 1.2 * np.eye(3)[labels]
    sure = np.exp(4 * logits)
    p = (sure / sure.sum(axis=1, keepdims=True)).astype(np.float32)
    fitted = temperatures({"audio": p}, labels)["audio"]
    assert fitted > 2.0
    better = calibrated(p, fitted)
    assert figures(better, labels)["ece"] < 0.5 * figures(p, labels)["ece"]
    assert figures(better, labels)["uar"] == figures(p, labels)["uar"]


def test_temperature_one_changes_nothing() -> None:
    p = np.array([[0.7, 0.2, 0.1]], np.float32)
    assert calibrated(p, 1.0) == pytest.approx(p, abs=1e-6)


def test_the_prior_is_of_known_labels_only() -> None:
    prior = class_prior(np.array([0, 0, 0, 1, -1, -1]), 3)
    assert prior == pytest.approx(np.array([4, 2, 1]) / 7)
