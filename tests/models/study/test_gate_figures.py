import numpy as np
import pytest

from tacit.models.study.gate_figures import CASES, cases_of, gate_summary


def test_cases_cover_everything_once() -> None:
    recovery = np.array([True, False, True, False])
    dropping = np.array([False, True, True, False])
    cases = cases_of(recovery, dropping)
    assert tuple(cases) == CASES
    assert np.array([rows.sum() for rows in cases.values()]).tolist() == [1, 1, 1, 1]


def test_the_oracle_takes_whoever_is_right() -> None:
    labels = np.array([0, 1, 0, 1])
    cell = {
        "labels": labels,
        "share.audio": np.array([0.9, 0.1, 0.5, 0.5]),
        "recovered.audio": np.eye(2)[[0, 0, 0, 0]],
        "dropped.audio": np.eye(2)[[1, 1, 1, 0]],
        "test.audio": np.eye(2)[[0, 1, 1, 0]],
    }
    found = gate_summary([cell, cell])["audio"]
    assert found["uar"] == {"recovery": 0.5, "dropping": 0.25, "mix": 0.5, "oracle": 0.75}
    assert sum(found["histogram"]) == 8
    assert found["shares"]["only recovery right"] == [4, pytest.approx(0.7)]
    assert found["shares"]["both wrong"] == [2, 0.5]
