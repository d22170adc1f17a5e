"""What drop, recovery and the whole window say to the same class-paired windows of one gap."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from ..calibration import Calibration, pattern_name
from ..features import MODALITIES, Float32
from ..fusion import Fusion, FusionOutput
from ..recovery.averaging import Sampled, read_samples, spread_of
from ..recovery.condition import Condition
from ..recovery.flow import Solver, recover
from ..recovery.gate import gate_features
from ..recovery.network import RecoveryNet
from ..recovery.plan import GAPS
from .banks import Ints
from .gaps import GapPairer, Gaps
from .recovery import read_dropped

CHUNK: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class GapReadings:
    """One gap's windows, read in three ways.

    Attributes:
        gap: its name.
        drop: (N, 7) calibrated probabilities of leaving out what is lost.
        whole: (N, 7) the same of the window before anything was lost.
        logits: (N, K, 7) of the recovered samples.
        condition: of the windows.
        spread: per modality (N,).
        labels: (N,) int64.
    """

    gap: str
    drop: Float32
    whole: Float32
    logits: Tensor
    condition: Condition
    spread: dict[str, Tensor]
    labels: Ints

    def averaged(self, temperature: float) -> Float32:
        """(N, 7) mean probabilities over the samples."""
        mean = (self.logits / temperature).softmax(dim=-1).mean(dim=1)
        return np.asarray(mean.numpy(), dtype=np.float32)

    def features(self, temperature: float) -> Tensor:
        """(N, F) what the gate goes by."""
        each = (self.logits / temperature).softmax(dim=-1)
        sampled = Sampled(
            each.mean(dim=1), each, self.logits, self.logits, dict(self.spread)  # type: ignore[arg-type]
        )  # fmt: skip
        return gate_features(self.condition, sampled, torch.from_numpy(self.drop))


def whole_view(fusion: Fusion, gaps: Gaps, gap: str) -> FusionOutput:
    """The fusion's reading before anything was lost; what never existed stays away."""
    measured, lost = GAPS[gap]
    mask = {m: gaps.complete[m] & (m in measured or m in lost) for m in MODALITIES}
    z = {m: torch.where(mask[m].unsqueeze(-1), gaps.truth[m], 0.0) for m in MODALITIES}
    output: FusionOutput = fusion.read(z, mask)
    return output


@torch.inference_mode()
def read_gap(
    nets: tuple[Fusion, RecoveryNet],
    calibration: Calibration,
    source: tuple[GapPairer, np.random.Generator],
    gap: str,
    windows: int,
    sampling: tuple[Tensor, Solver],
) -> GapReadings:
    """Draw windows of one gap and read them.

    Args:
        nets: fusion and student, in evaluation mode.
        calibration: of the fusion, for drop and whole.
        source: of the windows.
        gap: name in `plan.GAPS`.
        windows: N.
        sampling: noise (K, M * T, L), the same for every window as at run time, and solver.
    """
    fusion, student = nets
    pairer, rng = source
    noise, solver = sampling
    measured, lost = GAPS[gap]
    drops, wholes, logits, spreads, parts, labels = [], [], [], [], [], []
    for begin in range(0, windows, CHUNK):
        gaps = pairer.draw(min(CHUNK, windows - begin), rng, gap)
        condition = gaps.condition
        samples = recover(student, condition, noise.expand(condition.batch, -1, -1, -1), solver)
        drops.append(read_dropped(fusion, condition).logits.numpy())
        wholes.append(whole_view(fusion, gaps, gap).logits.numpy())
        logits.append(read_samples(fusion, samples, condition).logits)
        spreads.append(spread_of(samples, condition))
        parts.append(condition)
        labels.append(gaps.labels.numpy())
    return GapReadings(
        gap,
        calibration.apply(np.concatenate(drops), pattern_name(measured)),
        calibration.apply(np.concatenate(wholes), pattern_name({*measured, *lost})),
        torch.cat(logits),
        concatenated(parts),
        {m: torch.cat([s[m] for s in spreads]) for m in spreads[0]},
        np.concatenate(labels),
    )


def concatenated(parts: list[Condition]) -> Condition:
    """Conditions one after another."""
    first = parts[0]
    past = None
    if first.past is not None:
        pasts = [p.past for p in parts if p.past is not None]
        past = type(first.past)(
            {m: torch.cat([p.values[m] for p in pasts]) for m in first.names},
            {m: torch.cat([p.mask[m] for p in pasts]) for m in first.names},
            {m: torch.cat([p.age_s[m] for p in pasts]) for m in first.names},
        )
    return Condition(
        {m: torch.cat([p.values[m] for p in parts]) for m in first.names},
        {m: torch.cat([p.measured[m] for p in parts]) for m in first.names},
        {m: torch.cat([p.wanted[m] for p in parts]) for m in first.names},
        past,
        {m: torch.cat([p.degradation[m] for p in parts]) for m in first.names},
    )
