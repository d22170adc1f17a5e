import numpy as np
import pytest
from sklearn.metrics import accuracy_score, auc, f1_score, log_loss, recall_score

from tacit.models.benchmark.protocols import ALL_RATES
from tacit.models.benchmark.scores import (
    area,
    cluster_weights,
    corrected,
    count,
    curves,
    paired_p,
    shares,
    stacked,
)
from tacit.models.errors import ModelError
from tacit.models.metrics import expected_calibration_error

RNG = np.random.default_rng(0)
LABELS = RNG.integers(3, size=120)
CLUSTERS = np.arange(120) % 6
PROBABILITIES = RNG.dirichlet(np.ones(3), size=120)
PREDICTED = PROBABILITIES.argmax(axis=1)


def test_figures_are_those_of_the_library() -> None:
    found = curves(count(PROBABILITIES, LABELS, CLUSTERS), np.ones((1, 6)))
    expected = {
        "accuracy": accuracy_score(LABELS, PREDICTED),
        "uar": recall_score(LABELS, PREDICTED, average="macro"),
        "macro_f1": f1_score(LABELS, PREDICTED, average="macro"),
        "weighted_f1": f1_score(LABELS, PREDICTED, average="weighted"),
        "ece": expected_calibration_error(PROBABILITIES, LABELS),
        "nll": log_loss(LABELS, PROBABILITIES),
    }
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, abs=1e-9), name


def test_a_cluster_that_is_drawn_twice_counts_twice() -> None:
    weights = np.array([[2.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    found = curves(count(PROBABILITIES, LABELS, CLUSTERS), weights)
    rows = np.concatenate([np.flatnonzero(c == CLUSTERS) for c in (0, 0, 2)])
    assert found["weighted_f1"][0] == pytest.approx(
        f1_score(LABELS[rows], PREDICTED[rows], average="weighted")
    )


def test_seeds_are_averaged_and_masks_are_added() -> None:
    one, two = (count(p, LABELS, CLUSTERS) for p in (PROBABILITIES, PROBABILITIES[::-1]))
    weights = np.ones((1, 6))
    both = curves(stacked([one, two]), weights)["accuracy"][0]
    parts = [curves(c, weights)["accuracy"][0] for c in (one, two)]
    assert both == pytest.approx(np.mean(parts))
    assert curves(one + two, weights)["accuracy"][0] == pytest.approx(np.mean(parts))


def test_the_area_is_a_mean_height() -> None:
    flat = {rate: np.array([0.4]) for rate in ALL_RATES}
    assert area(flat)[0] == pytest.approx(0.4)
    heights = RNG.random(len(ALL_RATES))
    by_rate = {rate: np.array([h]) for rate, h in zip(ALL_RATES, heights, strict=True)}
    assert area(by_rate)[0] == pytest.approx(auc(ALL_RATES, heights) / 0.7)
    with pytest.raises(ModelError, match=r"no readings at the missing rates \[0.7\]"):
        area({rate: np.zeros(1) for rate in ALL_RATES[:-1]})


@pytest.mark.parametrize("metric", ["accuracy", "uar"])
def test_shares_of_clusters_sum_to_the_figure(metric: str) -> None:
    counted = count(PROBABILITIES, LABELS, CLUSTERS)
    assert shares(counted, metric).sum() == pytest.approx(
        curves(counted, np.ones((1, 6)))[metric][0]
    )


def test_a_paired_test_by_hand() -> None:
    # 8 clusters that all favour the first by the same: of 2^8 ways to exchange, 2 are as extreme.
    first = np.full(8, 0.02)
    assert paired_p(first, np.zeros(8)) == pytest.approx(2 / 256)
    assert paired_p(first, first) == 1.0
    even = np.array([0.01, -0.01] * 4)
    assert paired_p(even, np.zeros(8)) > 0.9


def test_p_is_corrected_for_the_number_of_comparisons() -> None:
    assert corrected({"a": 0.01, "b": 0.04}) == {"a": 0.02, "b": 0.04}
    assert corrected({}) == {}


def test_the_first_weights_take_each_cluster_once() -> None:
    weights = cluster_weights(5)
    assert (weights[0] == 1.0).all()
    assert (weights.sum(axis=1) == 5.0).all()
