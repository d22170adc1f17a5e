from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tacit.models.calibration import (
    PATTERNS,
    Calibration,
    abstain_threshold,
    fit_temperature,
    negative_log_likelihood,
    pattern_name,
)
from tacit.models.errors import ModelError

ONES = dict.fromkeys(PATTERNS, 1.0)


def over_confident(factor: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Labels drawn from softmax(z), logits given as factor * z: the right temperature is factor."""
    rng = np.random.default_rng(3)
    true = rng.normal(0.0, 1.5, (6000, 7))
    probabilities = np.exp(true) / np.exp(true).sum(axis=1, keepdims=True)
    draws = rng.random((6000, 1)) < probabilities.cumsum(axis=1)
    return true * factor, draws.argmax(axis=1)


def test_there_are_seven_patterns() -> None:
    assert list(PATTERNS) == [
        "audio", "face", "text", "audio+face", "audio+text", "face+text", "audio+face+text",
    ]  # fmt: skip
    assert pattern_name({"text", "audio"}) == "audio+text"
    assert pattern_name([]) == "none"


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_fitting_recovers_a_known_temperature(factor: float) -> None:
    logits, labels = over_confident(factor)
    assert fit_temperature(logits, labels) == pytest.approx(factor, rel=0.05)


def test_fitting_lowers_the_likelihood_loss_of_an_over_confident_set() -> None:
    logits, labels = over_confident(3.0)
    found = fit_temperature(logits, labels)
    before = negative_log_likelihood(logits, labels)
    assert negative_log_likelihood(logits, labels, found) < before - 0.3


def test_likelihood_loss_by_hand() -> None:
    logits = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]))
    expected = -(np.log(0.25) + np.log(0.8)) / 2
    assert negative_log_likelihood(logits, np.array([1, 1])) == pytest.approx(expected)


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(ModelError, match="no samples"):
        fit_temperature(np.zeros((0, 7)), np.zeros(0, dtype=int))


def test_apply_uses_the_temperature_of_the_pattern() -> None:
    calibration = Calibration({**ONES, "face": 2.0})
    logits = np.array([2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert calibration.apply(logits, "face")[0] == pytest.approx(np.e / (np.e + 6))
    assert calibration.apply(logits, "audio")[0] == pytest.approx(np.e**2 / (np.e**2 + 6))
    with pytest.raises(ModelError, match="'none'"):
        calibration.apply(logits, "none")


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=7, max_size=7))
def test_probabilities_are_finite_and_sum_to_one(logits: list[float]) -> None:
    got = Calibration({**ONES, "audio": 0.05}).apply(np.array(logits), "audio")
    assert np.isfinite(got).all()
    assert got.sum() == pytest.approx(1.0, abs=1e-5)
    assert got.dtype == np.float32


def test_a_manifest_round_trip_keeps_it() -> None:
    calibration = Calibration({**ONES, "text": 1.7}, abstain_below=0.3)
    assert Calibration.from_dict(calibration.as_dict()) == calibration


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"temperatures": {"audio": 1.0}}, "names the patterns"),
        ({"temperatures": {**ONES, "audio": 0.0}}, "of audio is 0.0"),
        ({"temperatures": {**ONES, "audio": float("nan")}}, "of audio is nan"),
        ({"temperatures": {**ONES, "audio": "1"}}, "of audio is '1'"),
        ({"temperatures": ONES, "abstain_below": 1.5}, "abstain_below is 1.5"),
        ({"temperatures": ONES, "other": 1}, "other"),
        ({}, "temperatures"),
    ],
)
def test_bad_fields_are_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Calibration.from_dict(fields)


def test_the_threshold_keeps_the_asked_coverage() -> None:
    confidence = np.linspace(0.5, 0.995, 100)
    probabilities = np.stack([confidence, 1.0 - confidence], axis=1)
    threshold = abstain_threshold(probabilities, least_coverage=0.9)
    assert threshold == pytest.approx(0.55)
    assert (probabilities.max(axis=1) >= threshold).mean() == pytest.approx(0.9)
    assert abstain_threshold(probabilities, least_coverage=1.0) == 0.5
