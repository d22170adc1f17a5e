import pytest
import torch

from tacit.models.errors import ModelError
from tacit.models.recovery.distill import (
    DistillConfig,
    at,
    distill,
    segments,
    student_of,
    teacher_path,
)
from tacit.models.recovery.flow import Solver, draw_noise, recover
from tests.fakes.conditions import CONFIG, fusion, gaps, network


@pytest.mark.parametrize("change", [{"steps": ()}, {"steps": (3,)}, {"teacher_steps": 6}])
def test_a_bad_config_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="distillation to"):
        DistillConfig(**change)  # type: ignore[arg-type]


def test_the_path_ends_where_the_teacher_does() -> None:
    teacher, condition = network(), gaps(2)
    noise = draw_noise(CONFIG, 2, 2, torch.Generator().manual_seed(0))
    path = teacher_path(teacher, condition, noise, DistillConfig(teacher_steps=8))
    assert torch.equal(path[0], noise)
    with torch.no_grad():
        filled = recover(teacher, condition, noise, Solver(8))
    made = teacher.space.decode(path[-1], CONFIG.bins)["face"].clamp(-8.0, 8.0)
    assert torch.allclose(made, filled["face"], atol=1e-4)


def test_segments_start_where_a_student_of_that_many_steps_stands() -> None:
    generator = torch.Generator().manual_seed(0)
    begin, size = segments(torch.Size((50, 8)), DistillConfig(), generator, torch.device("cpu"))
    assert set(size.flatten().tolist()) == {1.0, 2.0, 4.0}
    assert (begin % size == 0).all()
    assert (begin + size <= 4).all()
    assert set(begin[size == 1].tolist()) == {0.0, 1.0, 2.0, 3.0}


def test_at_picks_per_sample() -> None:
    path = torch.arange(5.0)[:, None, None, None, None].expand(5, 2, 2, 1, 1)
    quarter = torch.tensor([[0.0, 4.0], [2.0, 1.0]])
    assert torch.equal(at(path, quarter).squeeze(), quarter)


def test_a_student_learns_the_map_in_one_step() -> None:
    """After training it is nearer to the teacher's end than one step of the teacher is."""
    teacher, condition = network(2), gaps(16)
    torch.manual_seed(0)
    student = student_of(teacher).train()
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(student.parameters(), 3e-3)
    config = DistillConfig(teacher_steps=8)
    for _ in range(60):
        loss = distill(student, teacher, fusion(), condition, config, generator).losses["total"]
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    noise = draw_noise(CONFIG, 16, 4, torch.Generator().manual_seed(5))
    with torch.no_grad():
        far = recover(teacher, condition, noise, Solver(8))["face"]
        naive = recover(teacher, condition, noise, Solver(1))["face"]
        learned = recover(student.eval(), condition, noise, Solver(1, student=True))["face"]
    assert (learned - far).square().mean() < 0.5 * (naive - far).square().mean()


def test_the_fusion_reads_a_sample_of_each_from_the_same_noise() -> None:
    """A network that does not move is a perfect student of itself: all terms vanish."""
    still = network()
    torch.nn.init.zeros_(still.leave.weight)
    torch.nn.init.zeros_(still.leave.bias)
    got = distill(still, still, fusion(), gaps(2), DistillConfig(teacher_steps=4))
    assert set(got.losses) == {"total", "regress", "logits", "feature"}
    for loss in got.losses.values():
        assert float(loss.detach()) == pytest.approx(0.0, abs=1e-6)
    moving = distill(network(), still, fusion(), gaps(2), DistillConfig(teacher_steps=4))
    for loss in moving.losses.values():
        assert float(loss.detach()) > 1e-4
    assert moving.student is not None
    assert moving.teacher is not None
    assert moving.student.feature.shape == moving.teacher.feature.shape == (8, 8)


def test_without_a_fusion_only_the_map_counts() -> None:
    teacher = network()
    got = distill(student_of(teacher), teacher, None, gaps(2), DistillConfig(regress=2.0))
    assert got.student is None
    assert torch.equal(got.losses["total"], 2.0 * got.losses["regress"])


def test_the_teacher_gets_no_gradient() -> None:
    teacher = network()
    student = student_of(teacher)
    loss = distill(student, teacher, fusion(), gaps(2), DistillConfig()).losses["total"]
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None for p in teacher.parameters())
    assert any(p.grad is not None and p.grad.any() for p in student.parameters())
