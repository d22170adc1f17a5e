"""Training of everything that the study of streams compares, on one split."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..features import Modality
from ..fusion import Fusion, FusionConfig
from ..recovery.distill import DistillConfig, distill, student_of
from ..recovery.fills import MlpRegressor, hold_last, mlp_loss
from ..recovery.flow import FlowConfig, Solver, draw_noise, flow_loss, recover
from ..recovery.network import RecoveryConfig, RecoveryNet
from ..training.fusion_losses import kd_loss
from ..training.loop import FitConfig, fit_steps, frozen
from .streams_batches import Batch, Sampler, Shown
from .streams_tokens import AUDIO_DIM, FACE_DIM
from .streams_windows import BIN_S, BINS, PAST, SPAN

DIMS: Final[dict[Modality, int]] = {"audio": AUDIO_DIM, "face": FACE_DIM}
KD_WEIGHT: Final = 0.5
SMOOTHING: Final = 0.05
LOOK_EVERY: Final = 50

Net = TypeVar("Net", bound=nn.Module)
View = Callable[[Batch], Shown]
Fill = Callable[[Batch, int, torch.Generator], dict[Modality, Tensor]]
"""Samples per modality (B, K, BINS, D) of what a batch has lost."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long things are trained.

    Of a fusion the best step by validation loss is kept; generators, which know no labels, are
    trained to the end.

    Attributes:
        fusion: steps of each fusion.
        regressor: steps of the MLP.
        teacher: steps of the flow.
        student: steps of the distillation.
        batch: windows per step.
        width: of the fusions.
        generator: width of the recovery networks.
        latent: numbers per recovered token.
    """

    fusion: int = 300
    regressor: int = 300
    teacher: int = 300
    student: int = 100
    batch: int = 32
    width: int = 32
    generator: int = 32
    latent: int = 12
    distill: DistillConfig = field(
        default_factory=lambda: DistillConfig(steps=(1,), draws=2, teacher_steps=8)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """What trainings share.

    Attributes:
        sampler: of training batches.
        valid: windows of the validation people with random gaps.
        budget: steps.
        generator: source of torch's randomness.
    """

    sampler: Sampler
    valid: Batch
    budget: Budget
    generator: torch.Generator


class Best:
    """Keeps the weights with the lowest validation loss."""

    def __init__(self, module: nn.Module, loss_of: Callable[[], float]) -> None:
        self._module = module
        self._loss_of = loss_of
        self.loss = float("inf")
        self._kept: dict[str, Tensor] = {}

    def __call__(self, step: int, _: float) -> None:
        """Look, now and then."""
        if (step + 1) % LOOK_EVERY:
            return
        self._module.eval()
        with torch.inference_mode():
            loss = self._loss_of()
        self._module.train()
        if loss < self.loss:
            self.loss = loss
            self._kept = {k: v.detach().clone() for k, v in self._module.state_dict().items()}

    def restore(self) -> None:
        """Put the best weights back."""
        self._module.load_state_dict(self._kept)


def fit_fusion(
    bench: Bench,
    view: View,
    teacher: tuple[Fusion, View] | None,
    past: bool,
    trained_on: View | None = None,
) -> Fusion:
    """Train a fusion on one way of showing windows.

    Args:
        bench: data and budget.
        view: how windows are shown.
        teacher: a frozen fusion that sees everything, and how; None trains on labels alone.
        past: whether the view has the past in front.
        trained_on: how they are shown in training, if otherwise.
    """
    shown = view if trained_on is None else trained_on
    budget = bench.budget
    bins = SPAN if past else BINS
    net = Fusion(FusionConfig(DIMS, bins=bins, width=budget.width, layers=1, dropout=0.2))

    def loss_of(_: int) -> Tensor:
        batch = bench.sampler.draw(budget.batch)
        said = net.read(*shown(batch)).logits
        loss = functional.cross_entropy(said, batch.labels, label_smoothing=SMOOTHING)
        if teacher is None:
            return loss
        with torch.no_grad():
            meant = teacher[0].read(*teacher[1](batch)).logits
        return KD_WEIGHT * kd_loss(said, meant) + (1.0 - KD_WEIGHT) * loss

    def valid_loss() -> float:
        said = net.read(*view(bench.valid)).logits
        return float(functional.cross_entropy(said, bench.valid.labels))

    best = Best(net, valid_loss)
    _fit(net, loss_of, budget.fusion, best)
    best.restore()
    return frozen(net)


def fit_regressor(bench: Bench, past: bool) -> MlpRegressor:
    """Train the MLP that predicts what is lost."""
    budget = bench.budget
    config = RecoveryConfig(DIMS, bins=BINS, past=PAST, dropout=0.1)
    net = MlpRegressor(config)

    def loss_of(_: int) -> Tensor:
        batch = bench.sampler.draw(budget.batch)
        return mlp_loss(net, batch.condition(past), batch.truth)

    return frozen(_fit(net, loss_of, budget.regressor))


def fit_recovery(
    bench: Bench, reader: Fusion, past: bool, tokens: dict[Modality, Tensor]
) -> tuple[RecoveryNet, RecoveryNet]:
    """Train the flow, and distil it into one step.

    Args:
        bench: data and budget.
        reader: frozen fusion of whole windows, for the losses on its output.
        past: whether recovery is given the past.
        tokens: per modality (N, D) standardised, to find the latent space.

    Returns:
        teacher and student.
    """
    budget = bench.budget
    config = RecoveryConfig(
        DIMS,
        bins=BINS,
        past=PAST,
        latent=budget.latent,
        width=budget.generator,
        context_layers=1,
        decoder_layers=2,
    )
    teacher = RecoveryNet(config)
    teacher.space.fit(tokens)
    flow = FlowConfig(draws=2)

    def flow_of(_: int) -> Tensor:
        batch = bench.sampler.draw(budget.batch)
        return flow_loss(teacher, batch.condition(past), batch.truth, flow, bench.generator)

    frozen(_fit(teacher, flow_of, budget.teacher))
    student = student_of(teacher).requires_grad_(True)

    def map_of(_: int) -> Tensor:
        batch = bench.sampler.draw(budget.batch)
        made = distill(
            student, teacher, reader, batch.condition(past), budget.distill, bench.generator
        )
        return made.losses["total"]

    return teacher, frozen(_fit(student, map_of, budget.student))


def sampler_of(net: RecoveryNet, past: bool, solver: Solver) -> Fill:
    """Samples of a recovery network."""

    def fill(batch: Batch, samples: int, generator: torch.Generator) -> dict[Modality, Tensor]:
        noise = draw_noise(net.config, len(batch), samples, generator)
        with torch.no_grad():
            return recover(net, batch.condition(past), noise, solver)

    return fill


def regressed(net: MlpRegressor, past: bool) -> Fill:
    """The one prediction of a regressor."""

    def fill(batch: Batch, samples: int, generator: torch.Generator) -> dict[Modality, Tensor]:
        with torch.no_grad():
            return net.forward(batch.condition(past))

    return fill


def held(batch: Batch, samples: int, generator: torch.Generator) -> dict[Modality, Tensor]:
    """The last value, held."""
    return hold_last(batch.condition(), BIN_S)


def _fit(
    net: Net,
    loss_of: Callable[[int], Tensor],
    steps: int,
    progress: Callable[[int, float], None] | None = None,
) -> Net:
    net.train()
    fit_steps([net], loss_of, FitConfig(steps, rate=2e-3, weight_decay=0.05), progress)
    return net
