"""Distillation of a teacher flow into one, two or four steps.

The student learns the teacher's ODE map by regression, from the same noise (as in Luhman and Luhman
2021, Knowledge Distillation in Iterative Generative Models, and the one-step policies of Park et
al. 2025, Flow Q-Learning), for whole and for partial stretches, so that one network serves any
number of steps. What the fusion makes of a student's sample is drawn towards what it makes of the
teacher's.
"""

import copy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import ModelError
from ..fusion import Fusion, FusionOutput
from .averaging import as_views
from .condition import Condition
from .flow import Guided, Method, Solver, draw_noise, integrate, mean_where, put_in_place, weights
from .network import Context, RecoveryNet

QUARTERS = 4
"""The teacher's path is kept at this many places; a student takes 1, 2 or 4 steps between them."""


@dataclass(frozen=True, slots=True)
class DistillConfig:
    """How the student is trained.

    Attributes:
        steps: numbers of steps that it shall serve, out of 1, 2 and 4.
        draws: noises per window, all on one context.
        teacher_steps: of the teacher's path, a multiple of 4.
        teacher_method: of the teacher's path.
        guidance: of the teacher.
        regress: weight of the squared error of the map.
        logits: weight of the divergence of the fusion's probabilities on one-step samples.
        feature: weight of the squared distance of its summaries.
    """

    steps: tuple[int, ...] = (1, 2, 4)
    draws: int = 4
    teacher_steps: int = 16
    teacher_method: Method = "euler"
    guidance: float = 1.0
    regress: float = 1.0
    logits: float = 0.3
    feature: float = 0.1

    def __post_init__(self) -> None:
        if not self.steps or set(self.steps) - {1, 2, 4} or self.teacher_steps % QUARTERS:
            raise ModelError(
                f"distillation to {self.steps} steps from {self.teacher_steps}: student steps out "
                "of 1, 2, 4 and a multiple of 4 for the teacher wanted"
            )


class Distilled(NamedTuple):
    """One batch's losses, and what further losses may build on.

    Attributes:
        losses: "total" and its parts "regress", "logits" and "feature".
        student: the fusion's reading of one-step student samples, rows windows times draws; None
            without a fusion.
        teacher: the same of the teacher's samples from the same noise.
    """

    losses: dict[str, Tensor]
    student: FusionOutput | None
    teacher: FusionOutput | None


def student_of(teacher: RecoveryNet) -> RecoveryNet:
    """A student that starts from its teacher's weights."""
    return copy.deepcopy(teacher)


@torch.no_grad()
def teacher_path(
    teacher: RecoveryNet, condition: Condition, noise: Tensor, config: DistillConfig
) -> Tensor:
    """Latents of the teacher's path (5, B, K, N, L) at times 0, 1/4, ... 1."""
    solver = Solver(config.teacher_steps, config.teacher_method, guidance=config.guidance)
    plain = None
    if config.guidance != 1.0:
        hidden = torch.ones(condition.batch, dtype=torch.bool, device=noise.device)
        plain = teacher.encode(condition, hidden)
    velocity = Guided(teacher, teacher.encode(condition), solver, plain)
    return torch.stack(integrate(velocity, noise)[:: config.teacher_steps // QUARTERS])


def distill(
    student: RecoveryNet,
    teacher: RecoveryNet,
    fusion: Fusion | None,
    condition: Condition,
    config: DistillConfig,
    generator: torch.Generator | None = None,
) -> Distilled:
    """Losses of one batch.

    Args:
        student: in training.
        teacher: frozen, in evaluation mode.
        fusion: frozen, in evaluation mode; None leaves the losses on its output out.
        condition: B windows.
        config: settings.
        generator: source of noise and of the choice of steps.
    """
    noise = draw_noise(student.config, condition.batch, config.draws, generator, condition.device)
    path = teacher_path(teacher, condition, noise, config)
    context = student.encode(condition)
    begin, size = segments(noise.shape[:2], config, generator, condition.device)
    start = at(path, begin)
    goal = (at(path, begin + size) - start) / (size / QUARTERS)[..., None, None]
    v = student.velocity(start, (begin / QUARTERS, size / QUARTERS), context)
    error = mean_where((v - goal).square(), weights(student, context.wanted))
    losses = {"regress": error, "total": config.regress * error}
    if fusion is None:
        return Distilled(losses, None, None)
    once = one_step(student, context, noise)
    said: FusionOutput = fusion.read(*as_views(put_in_place(student, condition, once), condition))
    with torch.no_grad():
        filled = put_in_place(teacher, condition, path[-1])
        meant: FusionOutput = fusion.read(*as_views(filled, condition))
    losses["logits"] = functional.kl_div(
        said.logits.log_softmax(-1), meant.logits.log_softmax(-1), reduction="batchmean",
        log_target=True,
    )  # fmt: skip
    losses["feature"] = (said.feature - meant.feature).square().mean()
    losses["total"] = (
        losses["total"] + config.logits * losses["logits"] + config.feature * losses["feature"]
    )
    return Distilled(losses, said, meant)


def one_step(student: RecoveryNet, context: Context, noise: Tensor) -> Tensor:
    """Latents (B, K, N, L) after a single step from noise."""
    none = noise.new_zeros(noise.shape[:2])
    return noise + student.velocity(noise, (none, torch.ones_like(none)), context)


def segments(
    shape: torch.Size,
    config: DistillConfig,
    generator: torch.Generator | None,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """A random stretch of the path per sample: begin and length in quarters, (B, K) float each."""
    lengths = torch.tensor([QUARTERS // n for n in config.steps], device=device)
    picked = torch.randint(len(lengths), shape, generator=generator, device=device)
    size = lengths[picked]
    places = torch.rand(shape, generator=generator, device=device) * (QUARTERS // size)
    return (places.floor() * size).float(), size.float()


def at(path: Tensor, quarter: Tensor) -> Tensor:
    """Latents (B, K, N, L) of a path (5, B, K, N, L) at (B, K) quarters."""
    index = quarter.round().long()[None, ..., None, None].expand(1, *path.shape[1:])
    return path.gather(0, index).squeeze(0)
