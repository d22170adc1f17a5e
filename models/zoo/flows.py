"""Fillers that draw from a conditional flow: the teacher of many steps and the student of few."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..features import Modality
from ..fusion import Fusion
from ..recovery.adversarial import (
    AdversarialConfig,
    Discriminator,
    discriminator_loss,
    generator_loss,
    semantic_loss,
)
from ..recovery.condition import Condition
from ..recovery.distill import DistillConfig, Distilled, distill, student_of
from ..recovery.flow import FlowConfig, Solver, draw_noise, flow_loss, recover
from ..recovery.meanflow import MeanFlowConfig, meanflow_loss
from ..recovery.network import RecoveryNet
from .backbone import Tokens
from .fillers import Bank, Rows, condition_of, everything, hidden_views, recovery_shape
from .fitting import Plan, fit_epochs, hide
from .interface import FitConfig

VALID_DRAWS: Final = 4
SPACED: Final = 1 << 32
"""Between the seeds of two fills: a window's own seed has 32 bits."""
Loss = Callable[[Condition, Tokens, torch.Generator], Tensor]
Centre = Callable[[Condition], Condition]
"""Says of windows what is expected where something is wanted; see `Condition.centre`."""


def uncentred(condition: Condition) -> Condition:
    """Expects nothing: the whole token is generated."""
    return condition


@dataclass(frozen=True, slots=True)
class FlowPlan:
    """How the flows are trained.

    Attributes:
        teacher_epochs: passes over the training rows.
        student_epochs: the same for the student.
        batch: rows per step.
        rate: peak learning rate of both.
        layers: decoder blocks.
        drop_condition: chance that a training window's condition is hidden; > 0 for guidance.
        distill: of the student.
        adversarial: further terms of the student, off by default.
    """

    teacher_epochs: int = 30
    student_epochs: int = 8
    batch: int = 64
    rate: float = 2e-3
    layers: int = 1
    drop_condition: float = 0.0
    distill: DistillConfig = field(default_factory=lambda: DistillConfig(draws=2, teacher_steps=8))
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)


class FlowFiller:
    """Draws what is lost from a trained network with a given solver.

    Args:
        solver: steps and guidance.
        net: trained network; `fit` leaves it alone when given.
        plan: how it is trained otherwise.
        centre: what samples deviate from; the network must have been trained around it.
        spread: share of the deviation that is added; at 0 every sample is the centre itself.
    """

    def __init__(
        self,
        solver: Solver,
        net: RecoveryNet | None = None,
        plan: FlowPlan | None = None,
        centre: Centre = uncentred,
        spread: float = 1.0,
    ) -> None:
        self._solver = solver
        self._centre = centre
        self._spread = spread
        self._net = net
        self._plan = plan or FlowPlan()

    @property
    def net(self) -> RecoveryNet:
        """The trained network.

        Raises:
            ModelError: `fit` was not called and none was given.
        """
        if self._net is None:
            raise ModelError("the flow is not fitted yet")
        return self._net

    def fit(self, train: Bank, valid: Bank, config: FitConfig) -> None:
        """Train a teacher if no network was given."""
        if self._net is None:
            self._net = fit_teacher(train, valid, config, self._plan, self._centre)

    @torch.no_grad()
    def fill(
        self, condition: Condition, samples: int, seed: int, rows: Rows = None
    ) -> Mapping[Modality, Tensor]:
        """See `Filler.fill`."""
        around = self._centre(condition)
        if self._spread == 0.0:
            samples = 1  # They would all be the same.
        shape, generator = self.net.config, torch.Generator()
        if rows is None:
            noise = draw_noise(shape, condition.batch, samples, generator.manual_seed(seed))
        else:
            each = [
                draw_noise(shape, 1, samples, generator.manual_seed(seed * SPACED + row))
                for row in rows
            ]
            noise = torch.cat(each)
        filled: Tokens = dict(recover(self.net, around, noise, self._solver))
        return filled if self._spread == 1.0 else drawn_in(filled, around, self._spread)

    def networks(self) -> tuple[nn.Module, ...]:
        """See `Filler.networks`."""
        return (self.net,)


def drawn_in(filled: Tokens, around: Condition, spread: float) -> Tokens:
    """Samples (B, K, T, D) per modality with a share of their deviation from the centre."""
    found = {}
    for name, tokens in filled.items():
        middle = torch.zeros(()) if around.centre is None else around.centre[name].unsqueeze(1)
        nearer = middle + spread * (tokens - middle)
        found[name] = torch.where(around.wanted[name][:, None, :, None], nearer, tokens)
    return found


def fit_net(
    net: RecoveryNet, banks: tuple[Bank, Bank], loss: Loss, plan: Plan, centre: Centre
) -> None:
    """Train a recovery network in place; the epoch with the least loss on validation is kept.

    Args:
        net: its space must be fitted.
        banks: training and validation tokens.
        loss: of a condition, its truth and a source of randomness.
        plan: settings.
        centre: of the windows.
    """
    train, valid = banks
    generator = torch.Generator().manual_seed(plan.seed)
    held = [(centre(c), truth) for c, truth in hidden_views(valid)]

    def loss_of(rows: Tensor) -> Tensor:
        tokens = train.rows(rows)
        kept = hide(everything(tokens), 0.0, generator)
        return loss(centre(condition_of(tokens, kept)), tokens, generator)

    def valid_loss() -> float:
        # The same noise and times for every epoch, or their chance would choose.
        fixed = torch.Generator().manual_seed(0)
        with torch.no_grad():
            return float(np.mean([float(loss(c, truth, fixed)) for c, truth in held]))

    fit_epochs(net, np.arange(len(train)), loss_of, valid_loss, plan)


def new_net(train: Bank, config: FitConfig, plan: FlowPlan, centre: Centre) -> RecoveryNet:
    """An untrained network with its space fitted to tokens, or to their deviation."""
    torch.manual_seed(config.seed)
    net = RecoveryNet(recovery_shape(train, plan.layers))
    net.space.fit(deviations(train, centre))
    return net


def deviations(bank: Bank, centre: Centre) -> Tokens:
    """Per modality (N * T, E), how far a bank's tokens are from what is expected without them."""
    found = bank.measured()
    for (condition, truth), lost in zip(hidden_views(bank), bank.tokens, strict=True):
        expected = centre(condition).centre
        if expected is not None:
            found[lost] = (truth[lost] - expected[lost]).flatten(0, 1)
    return found


def fit_teacher(
    train: Bank, valid: Bank, config: FitConfig, plan: FlowPlan, centre: Centre = uncentred
) -> RecoveryNet:
    """Train the flow that many steps follow."""
    net = new_net(train, config, plan, centre)
    settings = FlowConfig(draws=VALID_DRAWS, drop_condition=plan.drop_condition, drop_past=0.0)

    def loss(condition: Condition, truth: Tokens, generator: torch.Generator) -> Tensor:
        return flow_loss(net, condition, truth, settings, generator)

    steps = Plan(plan.teacher_epochs, plan.batch, plan.rate, config.weight_decay, config.seed)
    fit_net(net, (train, valid), loss, steps, centre)
    return net


def fit_student(
    teacher: RecoveryNet,
    fusion: Fusion,
    banks: tuple[Bank, Bank],
    config: FitConfig,
    plan: FlowPlan,
    centre: Centre = uncentred,
) -> RecoveryNet:
    """Distil a teacher into one, two and four steps.

    Args:
        teacher: trained.
        fusion: frozen; what it makes of a sample enters the loss.
        banks: training and validation tokens.
        config: settings.
        plan: further settings.
        centre: that the teacher was trained around.
    """
    student = student_of(teacher)
    fusion.eval()
    extra = Adversary(fusion, config, plan.adversarial)

    def loss(condition: Condition, truth: Tokens, generator: torch.Generator) -> Tensor:
        made = distill(student, teacher, fusion, condition, plan.distill, generator)
        return made.losses["total"] + extra.loss(made, truth, student.training)

    steps = Plan(plan.student_epochs, plan.batch, plan.rate, config.weight_decay, config.seed)
    fit_net(student, banks, loss, steps, centre)
    return student


class Adversary:
    """The adversarial and semantic terms on the fused feature; nothing while both weights are 0."""

    def __init__(self, fusion: Fusion, config: FitConfig, settings: AdversarialConfig) -> None:
        self._fusion = fusion
        self._settings = settings
        self._judge = Discriminator(config.width, settings)
        self._optimiser = torch.optim.AdamW(self._judge.parameters(), config.rate, fused=True)

    def loss(self, made: Distilled, truth: Tokens, training: bool) -> Tensor:
        """The terms for one batch; in training the discriminator takes its own step first."""
        settings = self._settings
        if made.student is None or not (settings.discriminator or settings.semantic):
            return torch.zeros(())
        with torch.no_grad():
            complete = self._fusion.read(truth, everything(truth)).feature
        complete = complete.repeat_interleave(len(made.student.feature) // len(complete), dim=0)
        if training and settings.discriminator:
            self._optimiser.zero_grad()
            discriminator_loss(self._judge, complete, made.student.feature.detach()).backward()  # type: ignore[no-untyped-call]
            self._optimiser.step()
        return settings.discriminator * generator_loss(
            self._judge, made.student.feature
        ) + settings.semantic * semantic_loss(made.student.feature, complete)


def fit_meanflow(
    train: Bank, valid: Bank, config: FitConfig, plan: FlowPlan, centre: Centre = uncentred
) -> RecoveryNet:
    """Train a few-step network without a teacher."""
    net = new_net(train, config, plan, centre)
    settings = MeanFlowConfig(draws=VALID_DRAWS, drop_past=0.0)

    def loss(condition: Condition, truth: Tokens, generator: torch.Generator) -> Tensor:
        return meanflow_loss(net, condition, truth, settings, generator)

    steps = Plan(plan.teacher_epochs, plan.batch, plan.rate, config.weight_decay, config.seed)
    fit_net(net, (train, valid), loss, steps, centre)
    return net
