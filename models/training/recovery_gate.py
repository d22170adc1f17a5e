"""The gate, its temperatures, and where it is closed: fitted to one half of the validation items.

The other half decides where recovery may have a say. So the gate is not judged on what it was
fitted to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from ..calibration import HIGHEST, LOWEST
from ..features import MODALITIES, Float32
from ..metrics import accuracy, expected_calibration_error
from ..recovery.gate import Gate, gate_loss, mix
from ..recovery.plan import GapSetting
from ..recovery.runtime import tempered
from .banks import Ints
from .loop import FitConfig, as_stored, fit_steps
from .recovery_readings import GapReadings

LEAST: Final = 1e-6
COOLEST: Final = 0.6
"""Mixed readings are never sharpened by more than this temperature."""


@dataclass(frozen=True, slots=True)
class GateConfig:
    """How the gate is fitted.

    Attributes:
        loop: of the fit, all windows in every step.
        hidden: its inner width.
        windows: class-paired windows per gap and half.
        slack: a gap is opened when its accuracy is at least that of drop less this share.
    """

    loop: FitConfig = field(default_factory=lambda: FitConfig(300, rate=1e-2, weight_decay=0.05))
    hidden: int = 16
    windows: int = 400
    slack: float = 0.0


def likelihood(probabilities: Float32, labels: Ints) -> float:
    """Mean of -log p(label), nats."""
    right = np.asarray(probabilities, dtype=np.float64)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(right, LEAST)).mean())


def sample_temperature(readings: GapReadings) -> float:
    """Temperature of the samples' logits under which their average is likeliest."""
    found = minimize_scalar(
        lambda log: likelihood(readings.averaged(float(np.exp(log))), readings.labels),
        bounds=(np.log(0.3), np.log(3.0)),
        method="bounded",
        options={"xatol": 0.01},
    )
    return round(float(np.clip(np.exp(found.x), LOWEST, HIGHEST)), 4)


def fit_gate(
    halves: Mapping[str, GapReadings], samples: Mapping[str, float], config: GateConfig, seed: int
) -> tuple[Gate, list[float]]:
    """Fit one gate to all gaps.

    Args:
        halves: readings by gap.
        samples: temperature of the samples by gap.
        config: settings.
        seed: of its weights.
    """
    torch.manual_seed(seed)
    gate = Gate(MODALITIES, config.hidden).train()
    features = torch.cat([r.features(samples[g]) for g, r in halves.items()])
    recovered = torch.cat([torch.from_numpy(r.averaged(samples[g])) for g, r in halves.items()])
    drop = torch.cat([torch.from_numpy(r.drop) for r in halves.values()])
    labels = torch.cat([torch.from_numpy(r.labels) for r in halves.values()])

    def loss_of(_: int) -> Tensor:
        return gate_loss(gate, features, recovered, drop, labels)

    losses = fit_steps([gate], loss_of, config.loop)
    return as_stored(gate), losses


@torch.inference_mode()
def gated(gate: Gate, readings: GapReadings, temperature: float) -> tuple[Float32, Float32]:
    """Mixed probabilities (N, 7) before their own temperature, and the gate's shares (N,)."""
    share = gate(readings.features(temperature))
    recovered = torch.from_numpy(readings.averaged(temperature))
    mixed = mix(share, recovered, torch.from_numpy(readings.drop))
    return np.asarray(mixed.numpy()), np.asarray(share.numpy())


def mixed_temperature(mixed: Float32, readings: GapReadings) -> float:
    """Temperature of mixed probabilities: the likeliest, and then less sure than the whole window.

    On the average of the windows a reading with something lost must not be surer than the reading
    of the same windows with nothing lost.
    """
    found = minimize_scalar(
        lambda log: likelihood(tempered(mixed, float(np.exp(log))), readings.labels),
        bounds=(np.log(COOLEST), np.log(3.0)),
        method="bounded",
        options={"xatol": 0.01},
    )
    temperature = float(np.exp(found.x))
    most = float(readings.whole.max(axis=1).mean())
    while temperature < HIGHEST and tempered(mixed, temperature).max(axis=1).mean() > most:
        temperature = min(1.02 * temperature, HIGHEST)
    return round(temperature, 4)


def settle(
    gate: Gate,
    first: Mapping[str, GapReadings],
    second: Mapping[str, GapReadings],
    samples: Mapping[str, float],
    config: GateConfig,
) -> dict[str, GapSetting]:
    """Temperatures from the first half, and from the second half where recovery has a say."""
    settings = {}
    for gap, readings in first.items():
        temperature = mixed_temperature(gated(gate, readings, samples[gap])[0], readings)
        check = second[gap]
        final = tempered(gated(gate, check, samples[gap])[0], temperature)
        better = likelihood(final, check.labels) < likelihood(check.drop, check.labels)
        right = accuracy(check.labels, final.argmax(axis=1))
        least = accuracy(check.labels, check.drop.argmax(axis=1)) - config.slack
        helps = better and right >= least
        settings[gap] = GapSetting(samples[gap], temperature if helps else 1.0, helps)
    return settings


def finished(gate: Gate, readings: GapReadings, setting: GapSetting) -> tuple[Float32, Float32]:
    """Final probabilities (N, 7) of one gap as at run time, and the gate's shares (N,)."""
    if not setting.open:
        return readings.drop, np.zeros(len(readings.drop), dtype=np.float32)
    mixed, share = gated(gate, readings, setting.samples)
    return tempered(mixed, setting.mixed), share


def figures(
    gate: Gate, readings: Mapping[str, GapReadings], settings: Mapping[str, GapSetting]
) -> dict[str, float]:
    """Figures per gap: accuracy, likelihood and calibration of drop, of the answer, of the whole.

    `surer` is the share of windows in which the answer is surer than the whole window's.
    """
    found: dict[str, float] = {}
    for gap, r in readings.items():
        final, share = finished(gate, r, settings[gap])
        for name, p in (("drop", r.drop), ("final", final), ("whole", r.whole)):
            found[f"{gap}.{name}_accuracy"] = accuracy(r.labels, p.argmax(axis=1))
            found[f"{gap}.{name}_nll"] = likelihood(p, r.labels)
            found[f"{gap}.{name}_ece"] = expected_calibration_error(p, r.labels)
            found[f"{gap}.{name}_confidence"] = float(p.max(axis=1).mean())
        found[f"{gap}.share"] = float(share.mean())
        found[f"{gap}.surer"] = float((final.max(axis=1) > r.whole.max(axis=1)).mean())
    return found
