"""The whole training of fusion and recovery, stage by stage: both checkpoints come out of it.

base fusion → teacher → student → refined fusion → gate and temperatures. Every choice is made on
validation; the test part is read once, at the end.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from ..checkpoint import Manifest, save
from ..datasets import ferplus, goemotions, ravdess
from ..datasets.ferplus import Part
from ..features import MODALITIES, Modality
from ..fusion import Fusion
from ..recovery.flow import Solver
from ..recovery.gate import Gate
from ..recovery.network import RecoveryNet
from ..recovery.plan import GAPS, GapSetting, RecoveryPlan
from ..recovery.runtime import GATE, KIND, NOISE, STUDENT, TEACHER
from .banks import Bank, halved
from .fusion import Fitted, FusionTrainingConfig, fit, untrained, write
from .fusion_data import Collector, FusionData
from .fusion_evaluate import calibrate, calibrated_loss, judge
from .gaps import GapConfig, GapPairer
from .loop import as_stored
from .pairing import Floats, Pairer, PairingConfig, shared_prior
from .recovery import (
    RecoveryTrainingConfig,
    blank_network,
    check_compatible,
    refine_fusion,
    train_student,
    train_teacher,
)
from .recovery_gate import GateConfig, figures, fit_gate, sample_temperature, settle
from .recovery_readings import GapReadings, read_gap
from .stages import Done, StageStore, digest

Progress = Callable[[str], None]

NOTES: Final = (
    (
        "Class-paired: the windows it was trained and judged on are made up of a voice, a face and "
        "words from three unrelated data sets that share a class most of the time. No figure here "
        "is one of real trimodal speech."
    ),
    (
        "The past it was shown is another window of the same speaker, the same face seen anew or "
        "another of its class, or another comment. How long an expression lasts was chosen: the "
        "chance of the same class falls off with exp(-age / 8 s). No data set here says."
    ),
    (
        "A recovered token is a guess: `spread` says how far samples of it lie apart, in standard "
        "deviations of a token."
    ),
    (
        "`drop` leaves out what is lost and was distilled from the complete view; `final` is what "
        "is given. Where `share` is 0 recovery did not help on validation and has no say."
    ),
    (
        "On the average of the windows an answer with something lost is not surer than that of the "
        "whole window; `surer` is the share of single windows in which it is."
    ),
    (
        "Fails where what is lost would disagree with what is left: recovery then agrees with what "
        "is left. It knows nothing of sarcasm, of a smile over sad words, or of who is there."
    ),
)


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Settings of a run.

    Attributes:
        fusion: of the base fusion; its `weights`, `cache`, `pairing` and `data` count for all.
        recovery: of teacher, student and refinement.
        gate: of the gate.
        samples: K at run time.
        steps: of the student at run time.
    """

    fusion: FusionTrainingConfig = field(default_factory=FusionTrainingConfig)
    recovery: RecoveryTrainingConfig = field(default_factory=RecoveryTrainingConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    samples: int = 16
    steps: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """Everything that a run gave.

    Attributes:
        base: the fusion before it met recovered tokens.
        fitted: the refined fusion with its calibration.
        teacher: the flow.
        student: its student.
        gate: the gate.
        settings: of each gap.
        noise: (K, M * T, L).
        figures: of validation, by gap.
    """

    base: Fusion
    fitted: Fitted
    teacher: RecoveryNet
    student: RecoveryNet
    gate: Gate
    settings: dict[str, GapSetting]
    noise: Tensor
    figures: dict[str, float]


def train(root: Path, out: Path, stages: Path, config: RunConfig, progress: Progress) -> Manifest:
    """Run all stages and write `out/fusion` and `out/recovery`.

    Args:
        root: the data folder.
        out: folder of the checkpoints.
        stages: folder of the stages, to resume from.
        config: settings.
        progress: told what happens.

    Returns:
        the recovery's manifest.

    Raises:
        DatasetError: a data set is missing or malformed.
        CheckpointError: an encoder is missing or damaged.
        ModelError: a training diverged.
    """
    own = config.fusion
    collector = Collector(root, own.weights, own.data, own.cache, progress)
    return train_on(collector.collect(), out, StageStore(stages, progress), config)


def train_on(data: FusionData, out: Path, store: StageStore, config: RunConfig) -> Manifest:
    """Train on tokens that are there already; see `train`."""
    prior = shared_prior([data.priors[m] for m in MODALITIES], config.fusion.prior_power)
    run = Run(data, prior, store, config)
    trained = run.all()
    written = write(out / "fusion", trained.fitted, data, prior, config.fusion)
    tested = run.figures_of("test", trained)
    return save(out / KIND, weights_of(trained), describe(trained, written, tested, data, config))


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """The stages on one set of tokens.

    Attributes:
        data: banks by part.
        prior: (7,) of the classes.
        store: keeps the stages.
        config: settings.
    """

    data: FusionData
    prior: Floats
    store: StageStore
    config: RunConfig

    def all(self) -> Trained:
        """Every stage, in order."""
        base = self.base()
        teacher = self.teacher(base)
        student = self.student(base, teacher)
        fitted = self.judged(self.refined(base, student))
        noise = fixed_noise(student, self.config.samples, self.config.recovery.seed)
        gate, settings, found = self.gate(fitted, student, noise)
        return Trained(base, fitted, teacher, student, gate, settings, noise, found)

    def pairer(self, fusion: Fusion, part: Part, half: int | None = None) -> GapPairer:
        """Windows with gaps from one part, or from one half of its items."""
        banks: dict[Modality, Bank] = dict(self.data.banks[part])
        if half is not None:
            banks = {m: halved(bank, half) for m, bank in banks.items()}
        pairing: PairingConfig = self.config.fusion.pairing
        gaps: GapConfig = self.config.recovery.gaps
        pairer = Pairer(banks, self.prior, pairing, fusion.config.bins)
        return GapPairer(pairer, fusion, gaps)

    def base(self) -> Fusion:
        """The fusion with modality dropout, distilled from its own complete view."""
        config = self.config.fusion

        def make() -> Done:
            fitted = fit(self.data, self.prior, config, self.store.progress)
            return Done(fitted.net.state_dict(), {"epoch": fitted.epoch, "curve": fitted.curve})

        fields = _settings(config)
        done = self.store.run(
            "base", {"config": fields, "encoders": dict(self.data.encoders)}, make
        )
        return self._fusion(done)

    def teacher(self, fusion: Fusion) -> RecoveryNet:
        """The flow."""

        def make() -> Done:
            pairer = self.pairer(fusion, "train")
            net, curve = train_teacher(fusion, pairer, self.config.recovery, self.store.progress)
            return Done(net.state_dict(), {"curve": curve})

        return self._net("teacher", fusion, {"fusion": digest(fusion.state_dict())}, make)

    def student(self, fusion: Fusion, teacher: RecoveryNet) -> RecoveryNet:
        """Few steps of the flow."""

        def make() -> Done:
            pairer = self.pairer(fusion, "train")
            net, curve = train_student(
                teacher, fusion, pairer, self.config.recovery, self.store.progress
            )
            return Done(net.state_dict(), {"curve": curve})

        return self._net("student", fusion, {"teacher": digest(teacher.state_dict())}, make)

    def refined(self, fusion: Fusion, student: RecoveryNet) -> Fusion:
        """The fusion that has read recovered tokens."""

        def make() -> Done:
            pairer = self.pairer(fusion, "train")
            net, curve = refine_fusion(
                fusion, student, pairer, self.config.recovery, self.store.progress
            )
            return Done(net.state_dict(), {"curve": curve})

        rests = {"student": digest(student.state_dict()), **_settings(self.config.recovery)}
        done = self.store.run("fusion", rests, make)
        return self._fusion(done)

    def judged(self, fusion: Fusion) -> Fitted:
        """The refined fusion with temperatures fitted on validation."""
        config = self.config.fusion
        pairer = Pairer(self.data.banks["valid"], self.prior, config.pairing, fusion.config.bins)
        seen = judge(fusion, self.data.alone["valid"], pairer, config.paired_windows, config.seed)
        self.store.progress(f"refined fusion: valid loss {calibrated_loss(seen):.4f}")
        return Fitted(fusion, 0, seen, calibrate(seen))

    def gate(
        self, fitted: Fitted, student: RecoveryNet, noise: Tensor
    ) -> tuple[Gate, dict[str, GapSetting], dict[str, float]]:
        """The gate, the settings of each gap, and figures of the half that opened them."""
        config = self.config.gate
        check_compatible(student, fitted.net)
        first = self.readings(fitted, student, noise, ("valid", 0), config.windows)
        second = self.readings(fitted, student, noise, ("valid", 1), config.windows)
        samples = {gap: sample_temperature(r) for gap, r in first.items()}
        gate, losses = fit_gate(first, samples, config, self.config.recovery.seed)
        settings = settle(gate, first, second, samples, config)
        self.store.progress(f"gate: loss {losses[0]:.4f} to {losses[-1]:.4f}")
        for gap, setting in settings.items():
            self.store.progress(f"gate {gap}: {'open' if setting.open else 'closed'}")
        return gate, settings, figures(gate, second, settings)

    def readings(
        self,
        fitted: Fitted,
        student: RecoveryNet,
        noise: Tensor,
        part: tuple[Part, int | None],
        windows: int,
    ) -> dict[str, GapReadings]:
        """Readings of every gap on one part or half of it."""
        pairer = self.pairer(fitted.net, *part)
        solver = Solver(self.config.steps, student=True)
        found = {}
        for number, gap in enumerate(GAPS):
            rng = np.random.default_rng([self.config.recovery.seed, 77, number, part[1] or 0])
            found[gap] = read_gap(
                (fitted.net, student),
                fitted.calibration,
                (pairer, rng),
                gap,
                windows,
                (noise, solver),
            )
        return found

    def figures_of(self, part: Part, trained: Trained) -> dict[str, float]:
        """Figures of another part, by gap."""
        windows = self.config.gate.windows
        readings = self.readings(
            trained.fitted, trained.student, trained.noise, (part, None), windows
        )
        return figures(trained.gate, readings, trained.settings)

    def _fusion(self, done: Done) -> Fusion:
        net = untrained(self.data, self.config.fusion)
        net.load_state_dict(done.tensors)
        return net.eval()

    def _net(
        self, name: str, fusion: Fusion, rests: dict[str, str], make: Callable[[], Done]
    ) -> RecoveryNet:
        config = self.config.recovery
        done = self.store.run(name, {**rests, **_settings(config)}, make)
        net = blank_network(fusion, config)
        net.load_state_dict(done.tensors)
        return net.eval()


def fixed_noise(net: RecoveryNet, samples: int, seed: int) -> Tensor:
    """The noise of every window at run time (K, M * T, L): pairs of opposite sign, unit variance.

    What is odd in the noise cancels in the mean over pairs, so that few samples go further.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = (-(-samples // 2), net.config.positions, net.config.latent)
    half = torch.randn(shape, generator=generator)
    return torch.cat([half, -half])[:samples].half().float()


def weights_of(trained: Trained) -> dict[str, Tensor]:
    """Tensors of the checkpoint."""
    parts = {STUDENT: trained.student, TEACHER: trained.teacher, GATE: trained.gate}
    named = {
        prefix + name: tensor
        for prefix, net in parts.items()
        for name, tensor in as_stored(net).state_dict().items()
    }
    return {**named, NOISE: trained.noise}


def describe(
    trained: Trained,
    fusion: Manifest,
    tested: dict[str, float],
    data: FusionData,
    config: RunConfig,
) -> Manifest:
    """Manifest of the recovery."""
    plan = RecoveryPlan(
        trained.student.config,
        config.gate.hidden,
        config.samples,
        config.steps,
        SPREAD_LIMIT,
        trained.settings,
        fusion.sha256,
    )
    training = {"recovery": _settings(config.recovery), "gate": _settings(config.gate)}
    metrics = {f"valid.{name}": value for name, value in trained.figures.items()}
    return Manifest(
        kind=KIND,
        config={**plan.as_dict(), "encoders": dict(data.encoders), "training": training},
        data=["RAVDESS speech, FER+ and GoEmotions, paired by class, with a made-up past"],
        licence=f"{ravdess.LICENCE}. {ferplus.LICENCE}. GoEmotions is {goemotions.LICENCE}.",
        split="that of the fusion; gate and temperatures on one half of the validation items, "
        "opened and judged (`valid`) on the other; test read once in a run",
        seed=config.recovery.seed,
        metrics=metrics | {f"test.{name}": value for name, value in tested.items()},
        notes=list(NOTES),
    )


SPREAD_LIMIT: Final = 3.0
"""Spread from which a recovery has diverged: real tokens have a standard deviation of one."""


def _settings(config: Any) -> dict[str, Any]:
    fields = asdict(config)
    for machine in ("weights", "cache"):
        fields.pop(machine, None)
    return fields
