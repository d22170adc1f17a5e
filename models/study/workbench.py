"""All methods of the study on one job, each trained once and only when first asked for.

Methods that differ in one thing share all others: every fill sits on the same base, the dropping
fusion with distillation, and is tuned to the same targets for the same time. Ours and the flows sit
on a base of a second generation, distilled from three networks of the first; dropping and
regression on that base are rows of their own. The plug-in methods sit on a classifier that was
trained on complete samples only and is not tuned.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from ..recovery.adversarial import AdversarialConfig
from ..recovery.flow import Solver
from ..zoo.averaged import Averaged
from ..zoo.backbone import encode
from ..zoo.drop import Drop, DropKD, Taught, Whole, teach
from ..zoo.filled import Filled, Tuned
from ..zoo.fillers import (
    Bank,
    Filler,
    MeanFiller,
    NearestDonor,
    RandomDonor,
    Regression,
    ZeroFiller,
)
from ..zoo.flows import FlowFiller, FlowPlan, fit_meanflow, fit_student, fit_teacher
from ..zoo.gated import Gated, GateName
from ..zoo.interface import FitConfig, Recogniser
from ..zoo.residual import Residual
from ..zoo.samples import Samples

SECOND_SEED: Final = 1000
"""Added to the seed of the second of two averaged models."""

TEACHER_STEPS: Final = 50
SPREADS: Final = (1.0, 0.5, 0.0)
"""Shares of the samples' deviation from the regressed mean; 0 is the regression itself."""

MANY: Final = 32
PLUGIN_SAMPLES: Final = 8
GUIDANCE: Final = 2.0
HIDDEN_CONDITION: Final = 0.15
ADVERSARIAL: Final = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """The data of one job and how models are fitted to it.

    Attributes:
        train: complete, some rows perhaps unlabelled.
        valid: complete and labelled, of other speakers.
        test: complete and labelled, of others again; read once per method.
        config: settings of all models.
        plan: settings of the flows.
    """

    train: Samples
    valid: Samples
    test: Samples
    config: FitConfig
    plan: FlowPlan = field(default_factory=FlowPlan)


class Workbench:
    """Trained parts of one job; see the module's description."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def fitted(self, model: Drop, seed: int = 0) -> Drop:
        """A dropping model after training."""
        config = replace(self.task.config, seed=self.task.config.seed + seed)
        model.fit(self.task.train, self.task.valid, config)
        return model

    def filled(self, filler: Filler, samples: int = 1, base: Drop | None = None) -> Filled:
        """A fusion tuned to a filler; with a `base` of its own it is frozen instead."""
        if base is None:
            model = Filled(self.dropkd, filler, samples, taught=self.taught)
        else:
            model = Filled(base, filler, samples, tune=False)
        model.fit(self.task.train, self.task.valid, self.task.config)
        return model

    def banks(self, base: Drop) -> tuple[Bank, Bank]:
        """Training and validation tokens of a base's encoders."""
        train, valid = (encode(base.backbone, s) for s in (self.task.train, self.task.valid))
        return Bank(train), Bank(valid)

    @cached_property
    def whole(self) -> Drop:
        """Trained on complete samples only."""
        return self.fitted(Whole())

    @cached_property
    def drop(self) -> Drop:
        """Modality-dropout fusion."""
        return self.fitted(Drop())

    @cached_property
    def dropkd(self) -> DropKD:
        """The same with distillation from `whole`."""
        model = DropKD(self.asked)
        self.fitted(model)
        return model

    @cached_property
    def second(self) -> Drop:
        """Another `dropkd` from another seed."""
        return self.fitted(DropKD(self.asked), SECOND_SEED)

    @cached_property
    def taught(self) -> Taught:
        """What the fills are tuned to: the same as `dropkd`, by the same weight."""
        return self.dropkd.taught

    @cached_property
    def asked(self) -> Taught:
        """What `whole` says of every training sample."""
        return teach(self.task.train, self.whole)

    @cached_property
    def asked_again(self) -> Taught:
        """What `whole`, `dropkd` and `second` say together of every complete training sample."""
        return teach(self.task.train, self.whole, self.dropkd, self.second)

    @cached_property
    def again(self) -> DropKD:
        """Dropping fusion of a second generation, distilled from three of the first."""
        model = DropKD(self.asked_again)
        self.fitted(model)
        return model

    @cached_property
    def again_second(self) -> Drop:
        """The same from another seed."""
        return self.fitted(DropKD(self.asked_again), SECOND_SEED)

    @cached_property
    def residual(self) -> Residual:
        """Recovery in the token space of `again`."""
        return self.residual_of(self.again, self.task.plan)

    def residual_of(self, base: Drop, plan: FlowPlan) -> Residual:
        """Regression, teacher and student in the token space of a base."""
        return Residual.fit(base.backbone.fusion, self.banks(base), self.task.config, plan)

    @cached_property
    def full(self) -> Filled:
        """The fusion of `again` tuned to one-step samples as they are drawn."""
        return self.tuned(self.residual.filler(one_step()))

    @cached_property
    def recovered(self) -> Filled:
        """The same with the share of deviation that is best on validation."""
        tried = [self.full]
        tried += [self.tuned(self.residual.filler(one_step(), s)) for s in SPREADS[1:]]
        return min(tried, key=lambda model: model.chosen.loss)

    def tuned(self, filler: Filler, samples: int = MANY) -> Filled:
        """The fusion of `again` tuned to a filler, by labels and what was asked again."""
        model = Filled(self.again, filler, samples, taught=self.again.taught)
        model.fit(self.task.train, self.task.valid, self.task.config)
        return model

    @cached_property
    def ours(self) -> Gated:
        """The soft mix of `recovered` and `again_second`: two networks whose errors differ."""
        return self.gated(self.again_second)

    @cached_property
    def ours_alone(self) -> Gated:
        """The soft mix of `recovered` and `again`, which share encoders."""
        return self.gated(self.again)

    def gated(self, drop: Drop, gate: GateName | None = None) -> Gated:
        """A gate between `recovered` and a dropping model; None chooses it on validation."""
        model = Gated(self.recovered, drop, MANY, gate)
        model.fit(self.task.train, self.task.valid, self.task.config)
        return model

    def plugged(self) -> Filled:
        """One-step samples around the mean for the frozen classifier; validation chooses how far.

        The classifier never met a filled window, so nothing is tuned.
        """
        found = self.residual_of(self.whole, self.task.plan)
        tried = [
            self.filled(found.filler(one_step(), spread), PLUGIN_SAMPLES, base=self.whole)
            for spread in SPREADS
        ]
        return min(tried, key=lambda model: model.loss(self.task.valid))

    def sampled(self, filler: Filler, samples: int) -> Filled:
        """Another way to draw the samples that the fusion of `full` reads."""
        model = Filled(self.again, filler, samples, tune=False)
        model.fit(self.task.train, self.task.valid, self.task.config)
        model.fusion = self.full.fusion
        return model


def one_step() -> Solver:
    """A student's single step."""
    return Solver(steps=1, student=True)


Build = Callable[[Workbench], Recogniser]

MAIN: Final[dict[str, Build]] = {
    "whole": lambda w: w.whole,
    "drop": lambda w: w.drop,
    "drop.tuned": lambda w: fitted_tuned(w, taught=False),
    "drop.two": lambda w: Averaged(w.drop, w.fitted(Drop(), SECOND_SEED)),
    "dropkd": lambda w: w.dropkd,
    "dropkd.tuned": lambda w: fitted_tuned(w, taught=True),
    "dropkd.two": lambda w: Averaged(w.dropkd, w.second),
    "zero": lambda w: w.filled(ZeroFiller()),
    "mean": lambda w: w.filled(MeanFiller()),
    "regression": lambda w: w.filled(Regression()),
    "nearest": lambda w: w.filled(NearestDonor()),
    "random": lambda w: w.filled(RandomDonor()),
    "euler1": lambda w: w.tuned(w.residual.filler(Solver(steps=1))),
    "one": lambda w: w.tuned(w.residual.filler(one_step()), 1),
    "again": lambda w: w.again,
    "again.two": lambda w: Averaged(w.again, w.again_second),
    "again.regression": lambda w: w.tuned(w.residual.expected, 1),
    "recovered.full": lambda w: w.full,
    "recovered": lambda w: w.recovered,
    "ours": lambda w: w.ours,
    "ours.alone": lambda w: w.ours_alone,
    "ours.half": lambda w: w.gated(w.again_second, "half"),
}
"""Compared under every condition."""

PLUGIN: Final[dict[str, Build]] = {
    "plugin.drop": lambda w: w.whole,
    "plugin.zero": lambda w: w.filled(ZeroFiller(), base=w.whole),
    "plugin.mean": lambda w: w.filled(MeanFiller(), base=w.whole),
    "plugin.regression": lambda w: w.filled(Regression(), base=w.whole),
    "plugin.ours": lambda w: w.plugged(),
}
"""On the frozen classifier of complete data."""


def step_builds() -> dict[str, Build]:
    """Teacher, naive few steps and student, each with 1, 8 and 32 samples."""

    def build(solver: Solver, samples: int) -> Build:
        return lambda w: w.sampled(w.residual.filler(solver), samples)

    found = {}
    for samples in (1, 8, MANY):
        for steps in (1, 2, 4):
            student = Solver(steps=steps, student=True)
            found[f"student{steps}.k{samples}"] = build(student, samples)
            found[f"naive{steps}.k{samples}"] = build(Solver(steps=steps), samples)
        found[f"teacher{TEACHER_STEPS}.k{samples}"] = build(Solver(steps=TEACHER_STEPS), samples)
    return found


def fitted_tuned(w: Workbench, taught: bool) -> Tuned:
    """The control for the tuning itself: of `drop` by labels, or of `dropkd` as the fills are."""
    model = Tuned(w.dropkd, w.taught) if taught else Tuned(w.drop)
    model.fit(w.task.train, w.task.valid, w.task.config)
    return model


def with_terms(w: Workbench, discriminator: float, semantic: float) -> Filled:
    """Ablation: a student with the adversarial and semantic terms."""
    plan = replace(w.task.plan, adversarial=AdversarialConfig(discriminator, semantic))
    fusion, banks = w.again.backbone.fusion, w.banks(w.again)
    student = w.residual.distilled(fusion, banks, w.task.config, plan)
    return w.tuned(replace(w.residual, student=student).filler(one_step()))


def without_teacher(w: Workbench) -> Filled:
    """Ablation: MeanFlow in one step."""
    centre = w.residual.expected.centred
    net = fit_meanflow(*w.banks(w.again), w.task.config, w.task.plan, centre)
    return w.tuned(replace(w.residual, student=net).filler(one_step()))


def with_guidance(w: Workbench) -> Filled:
    """Ablation: a student of a guided teacher."""
    plan = replace(w.task.plan, drop_condition=HIDDEN_CONDITION)
    guided = replace(plan, distill=replace(plan.distill, guidance=GUIDANCE))
    return w.tuned(w.residual_of(w.again, guided).filler(one_step()))


def without_centre(w: Workbench) -> Filled:
    """Ablation: whole tokens generated, not deviations from the mean."""
    banks, fusion = w.banks(w.again), w.again.backbone.fusion
    teacher = fit_teacher(*banks, w.task.config, w.task.plan)
    student = fit_student(teacher, fusion, banks, w.task.config, w.task.plan)
    return w.tuned(FlowFiller(one_step(), student))


ABLATIONS: Final[dict[str, Build]] = {
    "ablation.adversarial": lambda w: with_terms(w, ADVERSARIAL, 0.0),
    "ablation.semantic": lambda w: with_terms(w, 0.0, ADVERSARIAL),
    "ablation.both": lambda w: with_terms(w, ADVERSARIAL, ADVERSARIAL),
    "ablation.meanflow": without_teacher,
    "ablation.guidance": with_guidance,
    "ablation.uncentred": without_centre,
}
"""Each changes one thing of `full`, the reading of samples as they are drawn."""

STEPS: Final = step_builds()
EVERYTHING: Final[dict[str, Build]] = MAIN | PLUGIN | STEPS | ABLATIONS
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "main": tuple(MAIN),
    "plugin": tuple(PLUGIN),
    "steps": tuple(STEPS),
    "ablation": tuple(ABLATIONS),
}
