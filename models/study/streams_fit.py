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
from ..zoo.flows import drawn_in
from .streams_batches import Batch, Sampler, Shown
from .streams_tokens import AUDIO_DIM, FACE_DIM
from .streams_windows import BIN_S, BINS, PAST, SPAN

DIMS: Final[dict[Modality, int]] = {"audio": AUDIO_DIM, "face": FACE_DIM}
KD_WEIGHT: Final = 0.5
SMOOTHING: Final = 0.05
LOOK_EVERY: Final = 50
FORGOTTEN: Final = 0.25
"""Share of the regressor's training windows without a past."""
SPACE_BATCHES: Final = 40
LEAST: Final = 1e-9

Net = TypeVar("Net", bound=nn.Module)
View = Callable[[Batch], Shown]
Opinion = Callable[[Batch], Tensor]
"""Logits (B, C) that others are to learn from."""
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


def opinion(view: View, *fusions: Fusion) -> Opinion:
    """What frozen fusions say together: the logarithm of their mean probabilities."""

    def asked(batch: Batch) -> Tensor:
        with torch.no_grad():
            shown = view(batch)
            each = [fusion.read(*shown).logits.softmax(dim=1) for fusion in fusions]
        return torch.stack(each).mean(dim=0).clamp(min=LEAST).log()

    return asked


def fit_fusion(
    bench: Bench,
    view: View,
    teacher: Opinion | None,
    past: bool,
    trained_on: View | None = None,
) -> Fusion:
    """Train a fusion on one way of showing windows.

    Args:
        bench: data and budget.
        view: how windows are shown.
        teacher: whose opinion it learns beside the labels; None trains on labels alone.
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
        return KD_WEIGHT * kd_loss(said, teacher(batch)) + (1.0 - KD_WEIGHT) * loss

    def valid_loss() -> float:
        said = net.read(*view(bench.valid)).logits
        return float(functional.cross_entropy(said, bench.valid.labels))

    best = Best(net, valid_loss)
    _fit(net, loss_of, budget.fusion, best)
    best.restore()
    return frozen(net)


def fit_regressor(bench: Bench) -> MlpRegressor:
    """Train the MLP that predicts what is lost, mostly with the past known."""
    budget = bench.budget
    config = RecoveryConfig(DIMS, bins=BINS, past=PAST, dropout=0.1)
    net = MlpRegressor(config)

    def loss_of(_: int) -> Tensor:
        batch = bench.sampler.draw(budget.batch).forgetting(FORGOTTEN, bench.generator)
        return mlp_loss(net, batch.condition(), batch.truth)

    return frozen(_fit(net, loss_of, budget.regressor))


def deviations(bench: Bench, expected: MlpRegressor) -> dict[Modality, Tensor]:
    """Per modality (N, D), how far lost tokens of training windows are from what is expected."""
    found: dict[Modality, list[Tensor]] = {name: [] for name in DIMS}
    for _ in range(SPACE_BATCHES):
        batch = bench.sampler.draw(bench.budget.batch)
        condition = expected.centred(batch.condition())
        assert condition.centre is not None
        for name, rows in found.items():
            rows.append((batch.truth[name] - condition.centre[name])[condition.wanted[name]])
    return {name: torch.cat(rows) for name, rows in found.items()}


def fit_recovery(
    bench: Bench, reader: Fusion, expected: MlpRegressor
) -> tuple[RecoveryNet, RecoveryNet]:
    """Train the flow of the deviation from a regressed mean, and distil it into one step.

    Args:
        bench: data and budget.
        reader: frozen fusion of whole windows, for the losses on its output.
        expected: the mean.

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
    teacher.space.fit(deviations(bench, expected))
    flow = FlowConfig(draws=2)

    def flow_of(_: int) -> Tensor:
        batch = bench.sampler.draw(budget.batch)
        condition = expected.centred(batch.condition())
        return flow_loss(teacher, condition, batch.truth, flow, bench.generator)

    frozen(_fit(teacher, flow_of, budget.teacher))
    student = student_of(teacher).requires_grad_(True)

    def map_of(_: int) -> Tensor:
        condition = expected.centred(bench.sampler.draw(budget.batch).condition())
        made = distill(student, teacher, reader, condition, budget.distill, bench.generator)
        return made.losses["total"]

    return teacher, frozen(_fit(student, map_of, budget.student))


@dataclass(frozen=True, slots=True, eq=False)
class Generator:
    """A regressed mean and a network for the deviation from it.

    Attributes:
        net: of the deviation.
        expected: the mean.
        solver: steps.
        spread: share of the deviation that is added; at 0 all samples are the mean.
    """

    net: RecoveryNet
    expected: MlpRegressor
    solver: Solver
    spread: float = 1.0

    def fill(self, past: bool = True) -> Fill:
        """Samples, with the past or without."""

        def fill(batch: Batch, samples: int, generator: torch.Generator) -> dict[Modality, Tensor]:
            around = self.expected.centred(batch.condition(past))
            noise = draw_noise(self.net.config, len(batch), samples, generator)
            with torch.no_grad():
                made = recover(self.net, around, noise, self.solver)
            return drawn_in(dict(made), around, self.spread)

        return fill


def regressed(net: MlpRegressor) -> Fill:
    """The one prediction of a regressor."""

    def fill(batch: Batch, samples: int, generator: torch.Generator) -> dict[Modality, Tensor]:
        with torch.no_grad():
            return net.forward(batch.condition())

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
