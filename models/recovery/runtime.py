"""Recovery in a running system: one window, many samples, one answer or a reason for none.

Stateless, and its noise is part of the checkpoint: the same window gives the same bytes, whatever
came before it and whoever else is in the session.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

import numpy as np
import torch
from torch import Tensor

from ..checkpoint import load, restore
from ..errors import CheckpointError, ModelError
from ..features import (
    MODALITIES,
    Bool,
    FeatureWindow,
    Float32,
    Modality,
    PastTokens,
    RecoveryFlag,
    RecoveryNote,
    TokenGrid,
)
from ..fusion import Fusion
from ..manifest import Manifest
from .averaging import Sampled, read_samples
from .condition import Condition, Past
from .flow import LIMIT, Solver, recover
from .gate import Gate, gate_features
from .graph import RecoverySession
from .network import RecoveryNet
from .plan import GapSetting, RecoveryPlan, gap_name

KIND: Final = "recovery"
STUDENT, TEACHER, GATE, NOISE = "student.", "teacher.", "gate.", "noise"
"""Prefixes of the tensors of a checkpoint."""

CUT_SHARE: Final = 0.05
"""Share of generated values at the limit from which a recovery has diverged."""

Expired = Callable[[], bool]
Backend = Literal["onnxruntime", "torch"]


def never() -> bool:
    """No deadline."""
    return False


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What recovery says about one window.

    Attributes:
        probabilities: (7,) float32, already mixed with `drop` and calibrated; None when the
            recovery was given up.
        note: how it came about.
    """

    probabilities: Float32 | None
    note: RecoveryNote


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """The clean part of one window.

    Attributes:
        values: per modality (T, D) float32, zero where the mask is False.
        mask: per modality (T,) bool.
        lost: modalities to recover; none of them is measured.
        bins: how many of the last bins lie inside the session.
        past: of lost modalities.
        degradation: see `FeatureWindow`.
    """

    values: Mapping[Modality, Float32]
    mask: Mapping[Modality, Bool]
    lost: tuple[Modality, ...]
    bins: int
    past: Mapping[Modality, PastTokens]
    degradation: Mapping[Modality, float]

    @classmethod
    def of(
        cls,
        window: FeatureWindow,
        values: Mapping[Modality, Float32],
        mask: Mapping[Modality, Bool],
    ) -> Self:
        """Put a window and its clean tokens together."""
        lost = tuple(m for m in MODALITIES if m in window.lost and not mask[m].any())
        grid = TokenGrid(bins=len(mask[MODALITIES[0]]))
        inside = -(-(window.t1_ns - window.t0_ns) // grid.bin_ns)
        inside = min(grid.bins, max(1, inside))
        return cls(values, mask, lost, inside, window.past, window.degradation)

    @property
    def measured(self) -> tuple[Modality, ...]:
        """Modalities with at least one token."""
        return tuple(m for m in MODALITIES if self.mask[m].any())


class Recovery:
    """Samples what is lost in a window, has the fusion read it, and weighs the result.

    Args:
        plan: how.
        student: in evaluation mode.
        gate: in evaluation mode.
        noise: (K, M * T, L), fixed.
        sha256: of the checkpoint.
    """

    def __init__(
        self, plan: RecoveryPlan, student: RecoveryNet, gate: Gate, noise: Tensor, sha256: str
    ) -> None:
        self.plan = plan
        self.solver = Solver(plan.steps, student=True)
        self.student = student.eval()
        self.gate = gate.eval()
        self.noise = noise
        self.sha256 = sha256
        self._bound: tuple[Fusion, RecoverySession] | None = None

    @property
    def backend(self) -> Backend:
        """What computes: "onnxruntime" once bound to a fusion, else "torch"."""
        return "torch" if self._bound is None else "onnxruntime"

    def bind(self, fusion: Fusion) -> None:
        """Build the graph that draws and reads for one fusion; it holds the weights as they are."""
        session = RecoverySession(self.student, fusion, self.noise, self.solver)
        self._bound = fusion, session

    @classmethod
    def load(cls, folder: Path, fusion: str) -> Self:
        """Read a checkpoint and check that it was made for a fusion.

        Args:
            folder: the checkpoint.
            fusion: SHA-256 of the fusion's weights.

        Raises:
            CheckpointError: missing, damaged, or made for another fusion.
        """
        tensors, manifest = load(folder, KIND)
        plan = read_plan(manifest, folder)
        if plan.fusion != fusion:
            raise CheckpointError(
                f"{folder}: was made for the fusion {plan.fusion[:12]}…, not for {fusion[:12]}…; "
                "run tools/train.py recovery, or reinstall tacit"
            )
        student, gate = RecoveryNet(plan.network), Gate(MODALITIES, plan.hidden)
        restore(student, part_of(tensors, STUDENT), folder)
        restore(gate, part_of(tensors, GATE), folder)
        shape = (plan.samples, plan.network.positions, plan.network.latent)
        noise = tensors.get(NOISE)
        if noise is None or tuple(noise.shape) != shape:
            raise CheckpointError(f"{folder}: has no noise of shape {shape}")
        return cls(plan, student, gate, noise, manifest.sha256)

    def taught(self, net: RecoveryNet, solver: Solver, noise: Tensor | None = None) -> "Recovery":
        """The same with another network, such as the student's teacher, for comparison."""
        given = self.noise if noise is None else noise
        other = Recovery(self.plan, net, self.gate, given, self.sha256)
        other.solver = solver
        return other

    @torch.inference_mode()
    def read(self, fusion: Fusion, known: Known, drop: Float32, expired: Expired) -> Reading:
        """Recover, read and mix.

        Args:
            fusion: the one that the checkpoint was made for.
            known: a window with something measured and something lost.
            drop: (7,) calibrated probabilities of leaving out what is lost.
            expired: asked before and after; when it says so, what is there is given up.
        """
        setting = self.plan.gaps[gap_name(known.measured, known.lost)]
        condition = self.condition(fusion, known)
        if expired():
            return self._given_up("deadline")
        samples, sampled = self.drawn(fusion, condition, setting.samples)
        flag = self._fault(condition, samples, sampled)
        if flag is None and expired():
            flag = "deadline"
        if flag is not None:
            return self._given_up(flag)
        share = self.share(setting, condition, sampled, drop)
        mixed = share * np.asarray(sampled.probabilities[0].numpy()) + (1.0 - share) * drop
        spread = {m: float(sampled.spread[m][0]) for m in known.lost}
        note = RecoveryNote(self.solver.steps, len(self.noise), share, spread)
        return Reading(tempered(mixed, setting.mixed), note)

    @torch.inference_mode()
    def drawn(
        self, fusion: Fusion, condition: Condition, temperature: float
    ) -> tuple[Mapping[Modality, Tensor], Sampled]:
        """All samples of a condition of one window, and what a fusion says to them."""
        if self._bound is not None and self._bound[0] is fusion:
            return self._bound[1].read(condition, temperature)
        samples = self.samples(condition)
        return samples, read_samples(fusion, samples, condition, temperature)

    @torch.inference_mode()
    def samples(self, condition: Condition) -> dict[Modality, Tensor]:
        """All samples (1, K, T, D) of what is lost, per modality."""
        if self._bound is not None:
            return self._bound[1].draw(condition)
        return recover(self.student, condition, self.noise.unsqueeze(0), self.solver)

    def condition(self, fusion: Fusion, known: Known) -> Condition:
        """A batch of one, standardised."""
        config = self.plan.network
        tokens = {m: torch.from_numpy(known.values[m]).unsqueeze(0) for m in MODALITIES}
        measured = {m: torch.from_numpy(known.mask[m]).unsqueeze(0) for m in MODALITIES}
        inside = np.arange(config.bins) >= config.bins - known.bins
        wanted = {m: torch.from_numpy(inside & (m in known.lost)).unsqueeze(0) for m in MODALITIES}
        pasts = {m: self._past(fusion, known.past.get(m), m) for m in MODALITIES}
        past = Past(*({m: part[i] for m, part in pasts.items()} for i in range(3)))
        degradation = {m: torch.tensor([known.degradation.get(m, 0.0)]) for m in MODALITIES}
        return Condition.of(
            fusion.standardise(tokens, measured), measured, wanted, past, degradation
        )

    def share(
        self, setting: GapSetting, condition: Condition, sampled: Sampled, drop: Float32
    ) -> float:
        """Weight of the recovered reading; 0 where it is closed."""
        if not setting.open:
            return 0.0
        features = gate_features(condition, sampled, torch.from_numpy(drop).unsqueeze(0))
        return float(self.gate(features)[0])

    def _past(
        self, fusion: Fusion, past: PastTokens | None, name: Modality
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (1, P, D), mask and ages, cut or padded to the network's P."""
        config = self.plan.network
        values = torch.zeros(1, config.past, config.dims[name])
        mask = torch.zeros(1, config.past, dtype=torch.bool)
        age_s = torch.zeros(1, config.past)
        if past is not None:
            if past.values.shape != (len(past.age_s), config.dims[name]):
                raise ModelError(
                    f"past {name} tokens have shape {past.values.shape}, "
                    f"({len(past.age_s)}, {config.dims[name]}) wanted"
                )
            count = min(config.past, len(past.age_s))
            finite = np.isfinite(past.values[:count]).all(axis=1)
            finite &= np.isfinite(past.age_s[:count])
            mask[0, :count] = torch.from_numpy(finite)
            values[0, :count] = torch.from_numpy(past.values[:count])
            age_s[0, :count] = torch.from_numpy(past.age_s[:count])
        return fusion.standardise_one(name, values, mask), mask, age_s

    def _fault(
        self, condition: Condition, samples: Mapping[Modality, Tensor], sampled: Sampled
    ) -> RecoveryFlag | None:
        if not torch.isfinite(sampled.probabilities).all():
            return "nonfinite"
        if max(float(s[0]) for s in sampled.spread.values()) > self.plan.spread_limit:
            return "diverged"
        for name in MODALITIES:
            made = samples[name][0][:, condition.wanted[name][0]]
            if not torch.isfinite(made).all():
                return "nonfinite"
            if made.numel() and float((made.abs() >= LIMIT).float().mean()) > CUT_SHARE:
                return "diverged"
        return None

    def _given_up(self, flag: RecoveryFlag) -> Reading:
        note = RecoveryNote(self.solver.steps, len(self.noise), 0.0, {}, flag)
        return Reading(None, note)


def load_teacher(folder: Path) -> RecoveryNet:
    """The teacher of a recovery checkpoint.

    Raises:
        CheckpointError: missing or damaged.
    """
    tensors, manifest = load(folder, KIND)
    teacher = RecoveryNet(read_plan(manifest, folder).network)
    restore(teacher, part_of(tensors, TEACHER), folder)
    return teacher


def tempered(probabilities: Float32, temperature: float) -> Float32:
    """Probabilities (..., C) to the power of 1 / temperature, summing to 1 again."""
    powers = np.power(np.asarray(probabilities, dtype=np.float64), 1.0 / temperature)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)


def part_of(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Tensors under a prefix, by the rest of their names."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def read_plan(manifest: Manifest, folder: Path) -> RecoveryPlan:
    """The plan of a manifest.

    Raises:
        CheckpointError: it does not fit.
    """
    try:
        return RecoveryPlan.from_dict(manifest.config)
    except ModelError as exc:
        raise CheckpointError(f"{folder}: config does not fit a recovery: {exc}") from exc
