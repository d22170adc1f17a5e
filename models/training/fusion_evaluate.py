"""Judges a fusion under each of the seven patterns of present modalities.

One modality alone is judged on real samples. Two and three are judged on class-paired windows,
which are made up (see `pairing`): their figures say that the fusion combines what it is given, not
how well it reads people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from scipy.special import log_softmax
from torch import Tensor

from ..calibration import (
    PATTERNS,
    Calibration,
    abstain_threshold,
    fit_temperature,
    negative_log_likelihood,
)
from ..features import MODALITIES, Float32, Modality
from ..fusion import Fusion
from ..metrics import (
    accuracy,
    bootstrap_interval,
    expected_calibration_error,
    macro_f1,
    selective_error,
    unweighted_average_recall,
)
from .banks import Ints
from .fusion_data import Alone
from .pairing import Floats, PairedBatch, Pairer

CHUNK: Final = 512
LEAST_COVERAGE: Final = 0.9
"""Share of the validation samples that must still get an answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Logits of one pattern.

    Attributes:
        logits: (N, 7) float32 before calibration.
        labels: (N,) int64.
        alone: real samples that they belong to, None for class-paired windows.
        parts: for class-paired windows, the logits of each present modality alone.
    """

    logits: Float32
    labels: Ints
    alone: Alone | None
    parts: Mapping[Modality, Float32]

    @property
    def fair(self) -> tuple[Float32, Ints]:
        """Logits and labels that a temperature is fitted to."""
        rows = slice(None) if self.alone is None else self.alone.fit_rows
        return self.logits[rows], self.labels[rows]


@torch.inference_mode()
def read(
    net: Fusion, tokens: Mapping[Modality, Tensor], mask: Mapping[Modality, Tensor]
) -> Float32:
    """Logits (N, 7) of many windows."""
    count = len(tokens["audio"])
    parts = [
        net(
            {m: t[k : k + CHUNK] for m, t in tokens.items()},
            {m: t[k : k + CHUNK] for m, t in mask.items()},
        ).logits.numpy()
        for k in range(0, count, CHUNK)
    ]
    return np.asarray(np.concatenate(parts), dtype=np.float32)


def read_alone(net: Fusion, samples: Alone) -> Float32:
    """Logits (N, 7) of real samples of one modality, the others absent."""
    parts = []
    for k in range(0, len(samples.labels), CHUNK):
        here = slice(k, k + CHUNK)
        count = len(samples.labels[here])
        tokens = {m: torch.zeros(count, net.config.bins, net.config.dims[m]) for m in MODALITIES}
        mask = {m: torch.zeros(count, net.config.bins, dtype=torch.bool) for m in MODALITIES}
        tokens[samples.name] = torch.from_numpy(np.array(samples.tokens[here], dtype=np.float32))
        mask[samples.name] = torch.from_numpy(samples.mask[here].copy())
        parts.append(read(net, tokens, mask))
    return np.concatenate(parts)


def without_others(batch: PairedBatch, name: Modality) -> dict[Modality, Tensor]:
    """Masks that leave one modality of a batch."""
    return {m: k if m == name else torch.zeros_like(k) for m, k in batch.mask.items()}


def judge(
    net: Fusion, alone: Mapping[Modality, Alone], pairer: Pairer, windows: int, seed: int
) -> dict[str, Judged]:
    """Read the samples of every pattern.

    Args:
        net: put into evaluation mode.
        alone: real samples.
        pairer: for two and three modalities, over banks of the same part.
        windows: class-paired windows per pattern.
        seed: of the pairing, so that every epoch sees the same.
    """
    net.eval()
    judged: dict[str, Judged] = {}
    for number, (pattern, present) in enumerate(PATTERNS.items()):
        if len(present) == 1:
            samples = alone[present[0]]
            judged[pattern] = Judged(read_alone(net, samples), samples.labels, samples, {})
            continue
        batch = pairer.draw(windows, np.random.default_rng([seed, number]), pattern)
        parts = {m: read(net, batch.tokens, without_others(batch, m)) for m in present}
        logits = read(net, batch.tokens, batch.mask)
        judged[pattern] = Judged(logits, batch.labels.numpy(), None, parts)
    return judged


def calibrate(judged: Mapping[str, Judged]) -> Calibration:
    """Temperature per pattern, and the threshold that still answers nine samples of ten."""
    temperatures = {name: round(fit_temperature(*j.fair), 4) for name, j in judged.items()}
    plain = Calibration(temperatures)
    everything = [plain.apply(j.fair[0], name) for name, j in judged.items()]
    smallest = min(len(rows) for rows in everything)
    # The same number from each pattern, so that the largest data set does not decide alone.
    rng = np.random.default_rng(0)
    mixed = np.concatenate([rows[rng.permutation(len(rows))[:smallest]] for rows in everything])
    return Calibration(temperatures, abstain_threshold(mixed, LEAST_COVERAGE))


def calibrated_loss(judged: Mapping[str, Judged]) -> float:
    """Mean over the patterns of the negative log-likelihood at the best temperature."""
    losses = [
        negative_log_likelihood(*j.fair, temperature=fit_temperature(*j.fair))
        for j in judged.values()
    ]
    return float(np.mean(losses))


def product_of_experts(judged: Judged, calibration: Calibration, prior: Floats) -> Float32:
    """What multiplying the single readings gives: the reference that a fusion has to reach.

    log p = sum of log p_m - (M - 1) log prior, each p_m calibrated for its modality alone.
    """
    total = -(len(judged.parts) - 1) * np.log(prior)
    for name, logits in judged.parts.items():
        total = total + log_softmax(logits / calibration.temperatures[name], axis=1)
    return np.asarray(total, dtype=np.float32)


def single_figures(
    name: str, judged: Judged, calibration: Calibration, rounds: int
) -> dict[str, float]:
    """Figures of one modality alone, beside those of its encoder's own head."""
    samples = judged.alone
    assert samples is not None
    probabilities = calibration.apply(judged.logits, name)
    fused, labels, clusters = samples.verdicts(probabilities)
    own, _, _ = samples.verdicts(samples.reference)
    found: dict[str, float] = {}
    for metric in (accuracy, unweighted_average_recall, macro_f1):
        short = "uar" if metric is unweighted_average_recall else metric.__name__
        found[f"{name}.{short}"] = metric(labels, fused.argmax(axis=1))
        found[f"{name}.encoder_{short}"] = metric(labels, own.argmax(axis=1))
    interval = bootstrap_interval(
        unweighted_average_recall, labels, fused.argmax(axis=1), clusters, rounds
    )
    found |= {f"{name}.uar_low": interval.low, f"{name}.uar_high": interval.high}
    rows = samples.fit_rows
    return found | confidence_figures(name, probabilities[rows], samples.labels[rows], calibration)


def confidence_figures(
    name: str, probabilities: Float32, labels: Ints, calibration: Calibration
) -> dict[str, float]:
    """Calibration error, and what the abstain threshold costs and saves."""
    error, coverage = selective_error(probabilities, labels, calibration.abstain_below)
    return {
        f"{name}.ece": expected_calibration_error(probabilities, labels),
        f"{name}.error_all": 1.0 - accuracy(labels, probabilities.argmax(axis=1)),
        f"{name}.error_answered": error,
        f"{name}.coverage": coverage,
    }


def figures(
    part: str,
    judged: Mapping[str, Judged],
    calibration: Calibration,
    prior: Floats,
    rounds: int,
) -> dict[str, float]:
    """All figures of one part, each named `part.pattern.figure`.

    Args:
        part: "valid" or "test".
        judged: by pattern.
        calibration: of the network.
        prior: (7,) that the training windows were drawn with.
        rounds: bootstrap resamplings behind each interval.
    """
    found: dict[str, float] = {}
    for name, j in judged.items():
        if j.alone is not None:
            found |= single_figures(name, j, calibration, rounds)
            continue
        paired = f"{name}.paired"
        probabilities = calibration.apply(j.logits, name)
        predicted = probabilities.argmax(axis=1)
        product = product_of_experts(j, calibration, prior).argmax(axis=1)
        found[f"{paired}.uar"] = unweighted_average_recall(j.labels, predicted)
        found[f"{paired}.product_uar"] = unweighted_average_recall(j.labels, product)
        found |= confidence_figures(paired, probabilities, j.labels, calibration)
    return {f"{part}.{name}": value for name, value in found.items()}
