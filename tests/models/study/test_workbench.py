from dataclasses import replace

import numpy as np
import pytest

from tacit.models.recovery.distill import DistillConfig
from tacit.models.study.workbench import EVERYTHING, GROUPS, Task, Workbench
from tacit.models.zoo.flows import FlowPlan
from tests.fakes.pairs import QUICK, make_pairs

pytestmark = pytest.mark.slow

PLAN = FlowPlan(teacher_epochs=2, student_epochs=1, distill=DistillConfig(draws=1, teacher_steps=4))
CONFIG = replace(QUICK, epochs=2, tune_epochs=1, token=4)


@pytest.fixture(scope="module")
def bench() -> Workbench:
    task = Task(make_pairs(60), make_pairs(30, seed=1), make_pairs(12, seed=2), CONFIG, PLAN)
    return Workbench(task)


def test_groups_name_every_method_once() -> None:
    named = [method for group in GROUPS.values() for method in group]
    assert sorted(named) == sorted(EVERYTHING)


@pytest.mark.parametrize("method", EVERYTHING)
def test_each_method_reads_any_mask_alone_as_in_a_batch(bench: Workbench, method: str) -> None:
    predict = EVERYTHING[method](bench).predict
    batch = bench.task.test
    for kept in ({"audio"}, {"face"}, {"audio", "face"}):
        p = predict(batch.only(kept))  # type: ignore[arg-type]
        assert p.shape == (12, 3)
        assert np.isfinite(p).all()
        assert np.allclose(p.sum(axis=1), 1.0, atol=1e-4)


def test_parts_are_trained_once(bench: Workbench) -> None:
    assert bench.drop is bench.drop
    assert bench.ours is bench.ours
