import numpy as np
import pytest

from tacit.models.errors import ModelError
from tacit.models.metrics import (
    accuracy,
    bootstrap_interval,
    expected_calibration_error,
    macro_f1,
    selective_error,
    unweighted_average_recall,
    weighted_f1,
)

LABELS = np.array([0, 0, 0, 1])
PREDICTED = np.array([0, 0, 1, 1])


def test_accuracy_by_hand() -> None:
    assert accuracy(LABELS, PREDICTED) == 0.75


def test_uar_by_hand() -> None:
    assert unweighted_average_recall(LABELS, PREDICTED) == pytest.approx((2 / 3 + 1) / 2)


def test_f1_by_hand() -> None:
    # class 0: precision 1, recall 2/3; class 1: precision 1/2, recall 1
    assert macro_f1(LABELS, PREDICTED) == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert weighted_f1(LABELS, PREDICTED) == pytest.approx((3 * 4 / 5 + 2 / 3) / 4)


def test_a_class_that_no_label_names_does_not_dilute_the_mean() -> None:
    labels, predicted = np.array([0, 0, 1, 1]), np.array([0, 5, 1, 1])
    assert unweighted_average_recall(labels, predicted) == 0.75
    assert macro_f1(labels, predicted) == pytest.approx((2 / 3 + 1) / 2)


def test_calibration_error_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    labels = np.array([0, 1, 0, 1])
    # bin of .9: accuracy 1/2, gap .4; bin of .6: accuracy 1, gap .4
    assert expected_calibration_error(probabilities, labels, bins=10) == pytest.approx(0.4)


def test_calibration_error_is_zero_when_confidence_equals_accuracy() -> None:
    probabilities = np.tile([0.75, 0.25], (4, 1))
    assert expected_calibration_error(probabilities, np.array([0, 0, 0, 1])) == pytest.approx(0.0)


def test_calibration_error_takes_certain_answers() -> None:
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert expected_calibration_error(probabilities, np.array([1, 1])) == pytest.approx(1.0)


def test_selective_error_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])
    labels = np.array([0, 1, 1, 0])
    assert selective_error(probabilities, labels, 0.0) == (0.5, 1.0)
    assert selective_error(probabilities, labels, 0.7) == (0.5, 0.5)
    assert selective_error(probabilities, labels, 0.85) == (0.0, 0.25)
    assert selective_error(probabilities, labels, 0.99) == (0.0, 0.0)


def test_the_interval_holds_the_value_and_repeats() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 200)
    predicted = np.where(rng.random(200) < 0.8, labels, 1 - labels)
    clusters = np.repeat(np.arange(20), 10)
    first = bootstrap_interval(accuracy, labels, predicted, clusters, rounds=100)
    assert first == bootstrap_interval(accuracy, labels, predicted, clusters, rounds=100)
    assert first.low < first.value == accuracy(labels, predicted) < first.high


def test_clusters_that_move_together_widen_the_interval() -> None:
    labels = np.zeros(200, dtype=int)
    predicted = np.repeat([0, 1, 0, 0], 50)  # one of four speakers is always misread
    wide = bootstrap_interval(accuracy, labels, predicted, np.repeat(np.arange(4), 50), rounds=200)
    narrow = bootstrap_interval(accuracy, labels, predicted, np.arange(200), rounds=200)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_one_cluster_gives_no_interval() -> None:
    with pytest.raises(ModelError, match="1 cluster"):
        bootstrap_interval(accuracy, LABELS, PREDICTED, np.zeros(4, dtype=int))
