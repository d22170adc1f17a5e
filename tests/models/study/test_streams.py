import numpy as np
import pytest

from tacit.models.recovery.distill import DistillConfig
from tacit.models.study import streams, streams_fit
from tacit.models.study.streams_fit import Budget
from tacit.models.study.streams_summary import AGAINST, OURS, summarise
from tests.fakes.takes import FACED, made_up_takes

TINY = Budget(
    fusion=20,
    regressor=20,
    teacher=20,
    student=20,
    batch=8,
    width=8,
    generator=8,
    latent=4,
    distill=DistillConfig(steps=(1,), draws=1, teacher_steps=4),
)


def test_every_split_tests_one_face_and_others_and_shares_nobody() -> None:
    people = np.repeat(np.arange(1, 21), 3)
    tested = []
    for fold in range(streams.FOLDS):
        parts = streams.split(people, FACED, fold)
        assert len(set(parts.test) & set(FACED)) == 1
        everybody = np.concatenate([parts.train, parts.valid, parts.test])
        assert sorted(everybody) == list(range(1, 21))
        tested += parts.test.tolist()
    assert sorted(tested) == list(range(1, 21))


@pytest.mark.slow
def test_a_run_reads_all_methods_under_all_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_fit, "LOOK_EVERY", 20)
    monkeypatch.setattr(streams, "VALID_WINDOWS", 40)
    takes = made_up_takes()
    record = streams.run(takes, 0, 0, TINY, FACED)
    assert record["people"] == [1, 6, 7]
    assert len(record["test"]) == len(streams.CONDITIONS) == 8
    for condition, found in record["test"].items():
        assert found["people"] == ([1] if condition.startswith("face") else [1, 6, 7])
        assert (np.sum(found["support"], axis=1) == 14).all()
        assert {*OURS, *AGAINST, "whole"} <= set(found["hits"])
        for hits in found["hits"].values():
            assert (np.array(hits) <= np.array(found["support"])).all()
    # A second split whose people are others: an interval needs two.
    others = {
        condition: found | {"people": [10 + p for p in found["people"]]}
        for condition, found in record["test"].items()
    }
    runs = [record, record | {"fold": 1, "people": [11, 16, 17], "test": others}]
    runs += [run | {"seed": 1} for run in runs]
    assert summarise(runs)["seeds"] == [0, 1]
