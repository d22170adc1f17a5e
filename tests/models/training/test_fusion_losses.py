import torch

from tacit.models.training.fusion_losses import KdConfig, drop_kd_loss, kd_loss
from tests.fakes.conditions import DIMS, fusion, gaps, tokens


def test_agreement_costs_nothing_and_the_teacher_stays() -> None:
    logits = torch.randn(4, 7, requires_grad=True)
    teacher = torch.randn(4, 7, requires_grad=True)
    assert float(kd_loss(logits, logits).detach()) < 1e-6
    kd_loss(logits, teacher).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert teacher.grad is None


def loss(student_seed: int, labels: torch.Tensor, weight: float = 0.5) -> torch.Tensor:
    kept = gaps(4).measured
    everything = {m: torch.ones_like(mask) for m, mask in kept.items()}
    config = KdConfig(weight=weight)
    return drop_kd_loss(
        fusion(student_seed), fusion(1), tokens(4), (kept, everything), labels, config
    )


def test_without_labels_only_the_teacher_speaks() -> None:
    none = torch.full((4,), -1)
    some = torch.tensor([0, 1, 2, 3])
    assert float(loss(2, none, 1.0).detach()) == float(loss(2, some, 1.0).detach())
    assert torch.isfinite(loss(2, none))


def test_the_student_does_not_see_what_is_masked() -> None:
    kept = gaps(4).measured
    everything = {m: torch.ones_like(mask) for m, mask in kept.items()}
    z = tokens(4)
    hidden = {m: torch.where(kept[m].unsqueeze(-1), z[m], z[m] + 5.0) for m in DIMS}
    labels = torch.tensor([0, 1, 2, 3])
    config = KdConfig(weight=0.0)
    one, other = (
        drop_kd_loss(fusion(2), fusion(1), tokens_, (kept, everything), labels, config)
        for tokens_ in (z, hidden)
    )
    assert torch.equal(one, other)
