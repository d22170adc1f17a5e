"""Ours: a soft mix of recovering what is lost and leaving it out.

Two fusions read each sample: one drops what is lost, the other averages over many recovered
stand-ins. A gate gives each a share. It is fitted on validation samples, and chosen there among
three of rising freedom by leaving one group out, so that where nothing can be learned the mix is
the plain average of the two.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch import nn

from ..errors import ModelError
from ..features import MODALITIES, Bool, Float32, Modality
from ..recovery.gate import OVERALL, PER_MODALITY, Gate, gate_features, gate_loss
from .drop import Drop, single_views
from .filled import Filled
from .interface import FitConfig
from .samples import Ints, Samples

Floats = NDArray[np.floating[Any]]

LEAST: Final = 1e-6
GATE_STEPS: Final = 150
GATE_RATE: Final = 5e-3
GATE_DECAY: Final = 0.1
HIDDEN: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Two readings of the same samples, and what a gate may know of them.

    Attributes:
        recovered: (N, C) probabilities with recovery.
        dropped: (N, C) probabilities without.
        features: (N, F) of `recovery.gate.gate_features`.
        pattern: (N,) int64, bit k set where the k-th modality is measured.
        labels: (N,) int64.
        groups: (N,) int64.
    """

    recovered: Floats
    dropped: Floats
    features: Floats
    pattern: Ints
    labels: Ints
    groups: Ints

    def rows(self, chosen: Bool) -> "Readings":
        """Some of the samples."""
        return Readings(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def mixed(self, share: Floats) -> Floats:
        """Probabilities (N, C) in which recovery has `share` (N,)."""
        return share[:, None] * self.recovered + (1.0 - share[:, None]) * self.dropped

    def loss(self, share: Floats) -> float:
        """Mean -log p(label) of the mix, nats."""
        right = self.mixed(share)[np.arange(len(self.labels)), self.labels]
        return float(-np.log(np.maximum(right, LEAST)).mean())


Share = Callable[[Readings], Floats]
GateName = Literal["half", "pattern", "window"]


def readings_of(batch: Samples, filled: Filled, drop: Drop, samples: int) -> Readings:
    """Read a batch with both models."""
    dropped = drop.predict(batch)
    condition, sampled = filled.reading(batch, samples)
    features = gate_features(condition, sampled, torch.from_numpy(dropped))
    pattern = np.zeros(len(batch), dtype=np.int64)
    for place, name in enumerate(batch.names):
        pattern |= batch.mask[name].any(axis=1).astype(np.int64) << place
    return Readings(
        sampled.probabilities.numpy(),
        dropped,
        features.numpy(),
        pattern,
        batch.labels,
        batch.groups,
    )


def half(seen: Readings) -> Share:
    """An equal share for all: nothing is learned."""
    return lambda batch: np.full(len(batch.labels), 0.5)


def by_pattern(seen: Readings) -> Share:
    """One share for each set of measured modalities."""
    best: dict[int, float] = {}
    for pattern in np.unique(seen.pattern):
        part = seen.rows(seen.pattern == pattern)

        def loss(share: float, part: Readings = part) -> float:
            return part.loss(np.full(len(part.labels), share))

        best[int(pattern)] = float(minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded").x)
    return lambda batch: np.array([best.get(int(p), 0.5) for p in batch.pattern])


def open_gate(length: int) -> Gate:
    """A gate for feature rows of some length that starts with equal shares."""
    gate = Gate(MODALITIES[: (length - OVERALL) // PER_MODALITY], HIDDEN)
    last = gate.layers[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.bias)
    return gate


def by_window(seen: Readings) -> Share:
    """A share for each sample, by the confidence, spread and disagreement of the readings."""
    torch.manual_seed(0)
    mean, spread = seen.features.mean(axis=0), seen.features.std(axis=0) + 1e-3
    gate = open_gate(seen.features.shape[1])

    def scaled(batch: Readings) -> torch.Tensor:
        return torch.from_numpy(((batch.features - mean) / spread).astype(np.float32))

    recovered, dropped = (
        torch.from_numpy(np.asarray(p, dtype=np.float32)) for p in (seen.recovered, seen.dropped)
    )
    inputs, labels = scaled(seen), torch.from_numpy(seen.labels)
    optimiser = torch.optim.AdamW(gate.parameters(), GATE_RATE, weight_decay=GATE_DECAY, fused=True)
    for _ in range(GATE_STEPS):
        optimiser.zero_grad()
        gate_loss(gate, inputs, recovered, dropped, labels).backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    def share(batch: Readings) -> Floats:
        with torch.no_grad():
            opened: Floats = gate(scaled(batch)).numpy()
        return opened

    return share


GATES: Final[dict[GateName, Callable[[Readings], Share]]] = {
    "half": half,
    "pattern": by_pattern,
    "window": by_window,
}
"""From the least free to the freest."""


def held_out_loss(fit: Callable[[Readings], Share], seen: Readings) -> float:
    """Loss on each group of a gate that was fitted to the others, nats per sample."""
    total = 0.0
    for group in np.unique(seen.groups):
        inside = seen.groups == group
        judged = seen.rows(inside)
        total += judged.loss(fit(seen.rows(~inside))(judged)) * len(judged.labels)
    return total / len(seen.labels)


class Gated:
    """Two fitted models and the gate between them.

    Args:
        filled: fitted, with recovery.
        drop: fitted, without.
        samples: K, stand-ins per sample.
        gate: which gate; None chooses on validation.
    """

    def __init__(
        self, filled: Filled, drop: Drop, samples: int = 32, gate: GateName | None = None
    ) -> None:
        self._filled = filled
        self._drop = drop
        self._samples = samples
        self._gate: GateName | None = gate
        self._share: Share | None = None
        self.losses: dict[GateName, float] = {}

    @property
    def gate(self) -> GateName:
        """Which gate is used.

        Raises:
            ModelError: `fit` was not called.
        """
        if self._gate is None:
            raise ModelError("Gated is not fitted yet")
        return self._gate

    def fit(self, train: Samples, valid: Samples, config: FitConfig) -> None:
        """Fit the gate on validation samples, each modality alone and whole; see `Recogniser`."""
        seen = self.readings(Samples.joined(single_views(valid)))
        self.losses = {name: held_out_loss(fit, seen) for name, fit in GATES.items()}
        best: GateName = min(GATES, key=lambda name: self.losses[name])
        self._gate = self._gate or best
        self._share = GATES[self._gate](seen)

    def predict(self, batch: Samples) -> Float32:
        """See `Recogniser.predict`."""
        read = self.readings(batch)
        return np.asarray(read.mixed(self.share(read)), dtype=np.float32)

    def recover(self, batch: Samples) -> Mapping[Modality, Float32] | None:
        """See `Recogniser.recover`."""
        return self._filled.recover(batch)

    def networks(self) -> tuple[nn.Module, ...]:
        """See `Recogniser.networks`."""
        return (*self._filled.networks(), *self._drop.networks())

    def readings(self, batch: Samples) -> Readings:
        """Both readings of a batch."""
        return readings_of(batch, self._filled, self._drop, self._samples)

    def share(self, read: Readings) -> Floats:
        """(N,) what recovery gets, [0, 1].

        Raises:
            ModelError: `fit` was not called.
        """
        if self._share is None:
            raise ModelError("Gated is not fitted yet")
        return self._share(read)
