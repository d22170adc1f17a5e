from dataclasses import replace

import pytest
import torch

from tacit.models.errors import ModelError
from tacit.models.fusion import Fusion, FusionConfig
from tacit.models.recovery.adversarial import AdversarialConfig
from tacit.models.recovery.distill import DistillConfig
from tacit.models.recovery.flow import Solver
from tacit.models.zoo.fillers import Bank, hidden_views
from tacit.models.zoo.flows import FlowFiller, FlowPlan, fit_meanflow, fit_student, fit_teacher
from tests.fakes.pairs import QUICK

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")

PLAN = FlowPlan(
    teacher_epochs=40, student_epochs=6, rate=5e-3, distill=DistillConfig(draws=2, teacher_steps=4)
)


def bank(count: int, seed: int) -> Bank:
    """Two opposite faces are equally likely for every voice: a mean would be neither."""
    generator = torch.Generator().manual_seed(seed)
    audio = torch.randn(count, 1, 2, generator=generator) * 0.1
    sign = torch.randint(0, 2, (count, 1, 1), generator=generator) * 2.0 - 1.0
    return Bank({"audio": audio, "face": sign + audio})


def samples(filler: FlowFiller, count: int = 16) -> torch.Tensor:
    condition, _ = hidden_views(bank(20, seed=5))[1]
    made = filler.fill(condition, count, seed=0)
    assert torch.equal(made["audio"][:, 0], condition.values["audio"])
    return made["face"]


def fusion() -> Fusion:
    torch.manual_seed(1)
    net = Fusion(
        FusionConfig({"audio": 2, "face": 2}, bins=1, width=8, layers=1, heads=2, classes=3)
    )
    torch.nn.init.normal_(net.head.weight)
    return net


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_teacher_and_student_draw_both_faces_and_few_between() -> None:
    train, valid = bank(300, seed=0), bank(60, seed=1)
    plan = replace(PLAN, teacher_epochs=220, student_epochs=25)
    teacher = fit_teacher(train, valid, QUICK, plan)
    student = fit_student(teacher, fusion(), (train, valid), QUICK, plan)
    drawn = samples(FlowFiller(Solver(steps=20), teacher))
    assert drawn.shape == (20, 16, 1, 2)
    sides = (drawn > 0).float().mean()
    assert 0.3 < float(sides) < 0.7
    assert float((drawn.abs() > 0.5).float().mean()) > 0.7
    once = samples(FlowFiller(Solver(steps=1, student=True), student))
    naive = samples(FlowFiller(Solver(steps=1), teacher))
    assert float(once.abs().mean()) > 2.0 * float(naive.abs().mean())  # naive: near the mean, 0


def test_without_a_network_one_is_fitted() -> None:
    filler = FlowFiller(Solver(steps=2), plan=replace(PLAN, teacher_epochs=1))
    with pytest.raises(ModelError, match="not fitted"):
        _ = filler.net
    filler.fit(bank(40, 0), bank(20, 1), QUICK)
    assert samples(filler, count=2).shape == (20, 2, 1, 2)


def test_the_further_terms_change_the_student_and_leave_the_fusion_alone() -> None:
    train, valid = bank(64, seed=0), bank(32, seed=1)
    short = replace(PLAN, teacher_epochs=1, student_epochs=12)
    teacher = fit_teacher(train, valid, QUICK, short)
    judge = fusion()
    before = {name: t.clone() for name, t in judge.state_dict().items()}
    torch.manual_seed(0)
    plain = fit_student(teacher, judge, (train, valid), QUICK, short)
    terms = replace(short, adversarial=AdversarialConfig(discriminator=0.5, semantic=0.5))
    torch.manual_seed(0)
    other = fit_student(teacher, judge, (train, valid), QUICK, terms)
    assert not torch.equal(plain.leave.weight, other.leave.weight)
    assert all(torch.equal(t, before[name]) for name, t in judge.state_dict().items())


def test_meanflow_needs_no_teacher() -> None:
    net = fit_meanflow(bank(64, 0), bank(32, 1), QUICK, replace(PLAN, teacher_epochs=2))
    assert torch.isfinite(samples(FlowFiller(Solver(steps=1, student=True), net), 2)).all()
