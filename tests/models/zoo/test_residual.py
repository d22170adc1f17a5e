from dataclasses import replace

import pytest
import torch

from tacit.models.recovery.distill import DistillConfig
from tacit.models.recovery.flow import Solver
from tacit.models.zoo.fillers import Bank, hidden_views
from tacit.models.zoo.flows import FlowPlan
from tacit.models.zoo.residual import Residual
from tests.fakes.pairs import QUICK
from tests.models.zoo.test_flows import bank, fusion

pytestmark = pytest.mark.timeout(300)

PLAN = FlowPlan(
    teacher_epochs=90, student_epochs=12, rate=5e-3,
    distill=DistillConfig(draws=2, teacher_steps=4),
)  # fmt: skip
ONE = Solver(steps=1, student=True)


@pytest.fixture(scope="module")
def residual() -> Residual:
    return Residual.fit(fusion(), (bank(300, 0), bank(60, 1)), QUICK, PLAN)


def face(residual: Residual, solver: Solver, spread: float, count: int = 16) -> torch.Tensor:
    condition, _ = hidden_views(bank(20, seed=5))[1]
    made = residual.filler(solver, spread).fill(condition, count, seed=0)
    assert torch.equal(made["audio"][:, 0], condition.values["audio"])
    return made["face"]


@pytest.mark.slow
def test_the_share_leads_from_the_mean_to_the_samples(residual: Residual) -> None:
    condition, _ = hidden_views(bank(20, seed=5))[1]
    mean = residual.expected.fill(condition, 1, 0)["face"]
    assert torch.allclose(face(residual, ONE, 0.0), mean, atol=1e-5)
    whole, half = face(residual, ONE, 1.0), face(residual, ONE, 0.5)
    assert torch.allclose(half - mean, 0.5 * (whole - mean), atol=1e-5)
    # The two faces are equally likely: the mean is neither, samples lie on both sides.
    assert float(mean.abs().mean()) < 0.3
    drawn = face(residual, Solver(steps=20), 1.0)
    assert 0.25 < float((drawn > 0).float().mean()) < 0.75
    assert float(drawn.std()) > 0.5 > 2.0 * float(mean.abs().mean())


def test_another_student_can_follow_the_same_teacher(residual: Residual) -> None:
    banks: tuple[Bank, Bank] = (bank(64, 0), bank(32, 1))
    again = residual.distilled(fusion(), banks, QUICK, replace(PLAN, student_epochs=1))
    other = replace(residual, student=again)
    assert face(other, ONE, 1.0).shape == (20, 16, 1, 2)
    assert not torch.equal(face(other, ONE, 1.0), face(residual, ONE, 1.0))
