"""Training of teacher, student and refined fusion: each stage a function of the one before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..errors import ModelError
from ..features import MODALITIES, Modality
from ..fusion import Fusion, FusionOutput
from ..recovery.averaging import as_views
from ..recovery.condition import Condition
from ..recovery.distill import DistillConfig, distill, student_of
from ..recovery.fills import MlpRegressor, mlp_loss
from ..recovery.flow import FlowConfig, Solver, draw_noise, flow_loss, recover, regress_loss
from ..recovery.network import RecoveryConfig, RecoveryNet
from .fusion_losses import kd_loss
from .gaps import GapConfig, GapPairer, Gaps
from .loop import FitConfig, as_stored, fit_steps, frozen

Progress = Callable[[str], None]

REPORT_EVERY: Final = 100
"""Steps between two lines of progress, and two points of a curve."""


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """Fields of `RecoveryConfig` that do not follow from the tokens."""

    latent: int = 24
    width: int = 64
    context_layers: int = 2
    decoder_layers: int = 2
    heads: int = 4
    dropout: float = 0.05


@dataclass(frozen=True, slots=True)
class RecoveryTrainingConfig:
    """Settings of a run.

    Attributes:
        network: shape of teacher and student.
        gaps: what is lost and what is known of it.
        flow: of the teacher.
        distillation: of the student.
        teacher: its loop.
        student: its loop.
        refine: the loop of the fusion on recovered tokens.
        batch: windows per step of the teacher.
        student_batch: windows per step of the student.
        refine_batch: windows per step of the fusion.
        refine_samples: samples per window of the fusion.
        refine_steps: student steps of those samples.
        distilled: weight of the complete view's opinion in the fusion's loss; labels get the rest.
        smoothing: of the labels.
        seed: of everything random.
    """

    network: NetworkShape = field(default_factory=NetworkShape)
    gaps: GapConfig = field(default_factory=GapConfig)
    flow: FlowConfig = field(default_factory=lambda: FlowConfig(draws=2))
    distillation: DistillConfig = field(default_factory=lambda: DistillConfig(teacher_steps=8))
    teacher: FitConfig = field(default_factory=lambda: FitConfig(900, rate=2e-3))
    student: FitConfig = field(default_factory=lambda: FitConfig(250, rate=1e-3))
    refine: FitConfig = field(default_factory=lambda: FitConfig(250, rate=5e-4))
    batch: int = 64
    student_batch: int = 32
    refine_batch: int = 48
    refine_samples: int = 4
    refine_steps: int = 1
    distilled: float = 0.5
    smoothing: float = 0.02
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """A source of training windows.

    Attributes:
        pairer: of the train part.
        rng: for the windows.
        generator: for noise.
    """

    pairer: GapPairer
    rng: np.random.Generator
    generator: torch.Generator

    @classmethod
    def seeded(cls, pairer: GapPairer, seed: int, stage: int) -> "Draw":
        """Its own random numbers for each stage, so that a resumed run draws the same."""
        return cls(
            pairer,
            np.random.default_rng([seed, stage]),
            torch.Generator().manual_seed(1000 * seed + stage),
        )

    def gaps(self, count: int) -> Gaps:
        """Windows with gaps."""
        return self.pairer.draw(count, self.rng)


def report(name: str, config: FitConfig, progress: Progress) -> Callable[[int, float], None]:
    """Tells the mean loss now and then."""
    seen: list[float] = []

    def told(step: int, loss: float) -> None:
        seen.append(loss)
        if (step + 1) % REPORT_EVERY == 0 or step + 1 == config.steps:
            progress(f"{name} {step + 1}/{config.steps}: loss {np.mean(seen):.4f}")
            seen.clear()

    return told


def curve(losses: list[float]) -> list[float]:
    """Mean loss of every stretch of `REPORT_EVERY` steps."""
    return [
        float(np.mean(losses[k : k + REPORT_EVERY])) for k in range(0, len(losses), REPORT_EVERY)
    ]


def blank_network(fusion: Fusion, config: RecoveryTrainingConfig) -> RecoveryNet:
    """A network of the run's shape, in no space yet."""
    shape = config.network
    return RecoveryNet(
        RecoveryConfig(
            dict(fusion.config.dims),
            fusion.config.bins,
            config.gaps.tokens,
            shape.latent,
            shape.width,
            shape.context_layers,
            shape.decoder_layers,
            shape.heads,
            shape.dropout,
        )
    )


def new_network(fusion: Fusion, config: RecoveryTrainingConfig, draw: Draw) -> RecoveryNet:
    """An untrained network in the space of real tokens."""
    torch.manual_seed(config.seed)
    net = blank_network(fusion, config)
    seen = draw.gaps(1024)
    net.space.fit({m: seen.truth[m][seen.complete[m]] for m in MODALITIES})
    return net


def train_teacher(
    fusion: Fusion, pairer: GapPairer, config: RecoveryTrainingConfig, progress: Progress
) -> tuple[RecoveryNet, list[float]]:
    """The flow.

    Returns:
        the network as it will be stored, and its curve.
    """
    draw = Draw.seeded(pairer, config.seed, 1)
    net = new_network(fusion, config, draw).train()

    def loss_of(_: int) -> Tensor:
        gaps = draw.gaps(config.batch)
        return flow_loss(net, gaps.condition, gaps.truth, config.flow, draw.generator)

    losses = fit_steps([net], loss_of, config.teacher, report("teacher", config.teacher, progress))
    return as_stored(net), curve(losses)


def train_regressors(
    fusion: Fusion, pairer: GapPairer, config: RecoveryTrainingConfig, progress: Progress
) -> tuple[RecoveryNet, MlpRegressor]:
    """Two baselines of the same budget: the same network as a regressor, and an MLP."""
    draw = Draw.seeded(pairer, config.seed, 2)
    net = new_network(fusion, config, draw).train()
    torch.manual_seed(config.seed)
    plain = MlpRegressor(net.config).train()

    def loss_of(_: int) -> Tensor:
        gaps = draw.gaps(config.batch)
        return regress_loss(net, gaps.condition, gaps.truth) + mlp_loss(
            plain, gaps.condition, gaps.truth
        )

    told = report("regressors", config.teacher, progress)
    fit_steps([net, plain], loss_of, config.teacher, told)
    return as_stored(net), as_stored(plain)


def train_student(
    teacher: RecoveryNet,
    fusion: Fusion,
    pairer: GapPairer,
    config: RecoveryTrainingConfig,
    progress: Progress,
) -> tuple[RecoveryNet, list[float]]:
    """One, two and four steps of the teacher's map; see `distill`."""
    draw = Draw.seeded(pairer, config.seed, 3)
    torch.manual_seed(config.seed)  # dropout: the same in a run that goes on here
    student = student_of(teacher).train()
    for parameter in student.parameters():
        parameter.requires_grad_(True)
    frozen(teacher)
    frozen(fusion)

    def loss_of(_: int) -> Tensor:
        condition = draw.gaps(config.student_batch).condition
        found = distill(student, teacher, fusion, condition, config.distillation, draw.generator)
        return found.losses["total"]

    told = report("student", config.student, progress)
    losses = fit_steps([student], loss_of, config.student, told)
    return as_stored(student), curve(losses)


def refine_fusion(
    fusion: Fusion,
    student: RecoveryNet,
    pairer: GapPairer,
    config: RecoveryTrainingConfig,
    progress: Progress,
) -> tuple[Fusion, list[float]]:
    """Teach a fusion to read recovered tokens as well as the lack of them.

    The averaged reading of several samples and the reading without them each answer for the label
    and for what the unrefined fusion makes of the complete window.
    """
    draw = Draw.seeded(pairer, config.seed, 4)
    torch.manual_seed(config.seed)
    complete = frozen(as_stored(fusion))
    refined = as_stored(fusion).train()
    for parameter in refined.parameters():
        parameter.requires_grad_(True)
    frozen(student)
    solver = Solver(config.refine_steps, student=True)

    def loss_of(_: int) -> Tensor:
        gaps = draw.gaps(config.refine_batch)
        with torch.no_grad():
            meant: FusionOutput = complete.read(_where(gaps.truth, gaps.complete), gaps.complete)
            noise = draw_noise(
                student.config, config.refine_batch, config.refine_samples, draw.generator
            )
            samples = recover(student, gaps.condition, noise, solver)
        dropped = read_dropped(refined, gaps.condition)
        views: FusionOutput = refined.read(*as_views(samples, gaps.condition))
        each = views.logits.reshape(config.refine_batch, config.refine_samples, -1)
        averaged = each.log_softmax(-1).logsumexp(dim=1) - np.log(config.refine_samples)
        return _answer(dropped.logits, meant.logits, gaps, config) + _answer(
            averaged, meant.logits, gaps, config
        )

    told = report("fusion", config.refine, progress)
    losses = fit_steps([refined], loss_of, config.refine, told)
    return as_stored(refined), curve(losses)


def read_dropped(fusion: Fusion, condition: Condition) -> FusionOutput:
    """The fusion's reading of what is measured alone."""
    output: FusionOutput = fusion.read(
        _where(condition.values, condition.measured), condition.measured
    )
    return output


def _answer(logits: Tensor, meant: Tensor, gaps: Gaps, config: RecoveryTrainingConfig) -> Tensor:
    known = functional.cross_entropy(logits, gaps.labels, label_smoothing=config.smoothing)
    return (1.0 - config.distilled) * known + config.distilled * kd_loss(logits, meant, 1.0)


def _where(
    tokens: Mapping[Modality, Tensor], mask: Mapping[Modality, Tensor]
) -> dict[Modality, Tensor]:
    return {m: torch.where(mask[m].unsqueeze(-1), tokens[m], 0.0) for m in tokens}


def check_compatible(net: RecoveryNet, fusion: Fusion) -> None:
    """Refuse a recovery that was made for another space of tokens.

    Raises:
        ModelError: dims or bins differ.
    """
    if dict(net.config.dims) != dict(fusion.config.dims) or net.config.bins != fusion.config.bins:
        raise ModelError(
            f"recovery of {dict(net.config.dims)} in {net.config.bins} bins does not fit the "
            f"fusion of {dict(fusion.config.dims)} in {fusion.config.bins}"
        )
