"""Recovery and its rivals on the same class-paired windows with the same gaps.

All rivals fill what is lost, and the same refined fusion reads the result; only `drop` rows leave
it out. The temperature of every row is fitted to its own validation readings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from ..features import MODALITIES, Float32, Modality
from ..fusion import Fusion
from ..metrics import accuracy, expected_calibration_error, unweighted_average_recall
from ..recovery.averaging import read_samples
from ..recovery.condition import Condition
from ..recovery.fills import MlpRegressor, mean_fill, zero_fill
from ..recovery.flow import Solver, recover
from ..recovery.network import RecoveryNet
from .banks import Ints
from .gaps import GapPairer, Gaps
from .recovery import read_dropped
from .recovery_gate import likelihood
from .recovery_readings import CHUNK, whole_view

Filler = Callable[[Condition], dict[Modality, Tensor]]
Clock = Callable[[], float]
Line = dict[str, float | str | int | None]

STUDENT_STEPS: Final = (1, 2, 4)
SAMPLES: Final = (1, 8, 32)
TEACHER_SAMPLES: Final = 8
TEMPERATURES: Final = tuple(float(t) for t in np.geomspace(0.5, 3.0, 26))


@dataclass(frozen=True, slots=True, eq=False)
class Rivals:
    """What is compared.

    Attributes:
        fusion: the refined one, that reads all fillings.
        plain: a fusion with modality dropout and without distillation.
        distilled: one with distillation, before it met recovered tokens.
        teacher: the flow.
        student: its student.
        mlp: a regressor of everything that is known.
        means: per modality (T, D), of the training windows.
    """

    fusion: Fusion
    plain: Fusion
    distilled: Fusion
    teacher: RecoveryNet
    student: RecoveryNet
    mlp: MlpRegressor
    means: Mapping[Modality, Tensor]


@dataclass(slots=True, eq=False)
class Row:
    """Readings of one method on the windows of one gap, and how near its tokens came.

    Attributes:
        logits: (N, K, 7) parts.
        squared: summed squared error of the mean over samples at wanted, known positions.
        variance: summed squares of the truth there.
        values: how many numbers.
        pooled: (N, D) per lost modality, recovered and true window means, for their distance.
        seconds: spent on filling and reading.
    """

    logits: list[Tensor]
    squared: float = 0.0
    variance: float = 0.0
    values: int = 0
    pooled: list[dict[Modality, tuple[Tensor, Tensor]]] | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """All methods on the windows of one gap.

    Attributes:
        rows: by method.
        labels: (N,) int64.
    """

    rows: dict[str, Row]
    labels: Ints


def fillers(rivals: Rivals, noise: Tensor) -> dict[str, Filler]:
    """Ways of filling, by name; samples of a window are the first of `noise` (32, M * T, L)."""

    def sampling(net: RecoveryNet, solver: Solver, samples: int) -> Filler:
        return lambda c: recover(net, c, noise[:samples].expand(c.batch, -1, -1, -1), solver)

    found: dict[str, Filler] = {
        f"student@{steps}": sampling(rivals.student, Solver(steps, student=True), max(SAMPLES))
        for steps in STUDENT_STEPS
    }
    for steps in STUDENT_STEPS:
        found[f"euler@{steps}"] = sampling(rivals.teacher, Solver(steps), TEACHER_SAMPLES)
    found["teacher@50"] = sampling(rivals.teacher, Solver(50), TEACHER_SAMPLES)
    found["mlp"] = rivals.mlp
    found["mean"] = lambda c: mean_fill(c, rivals.means)
    found["zero"] = zero_fill
    return found


@torch.inference_mode()
def read_all(
    rivals: Rivals,
    source: tuple[GapPairer, np.random.Generator],
    gap: str,
    windows: int,
    tools: tuple[Tensor, Clock],
) -> Readings:
    """Draw windows of one gap and read them in every way.

    Args:
        rivals: what is compared.
        source: of the windows.
        gap: name in `plan.GAPS`.
        windows: N.
        tools: noise (32, M * T, L) and a clock in seconds.
    """
    noise, clock = tools
    ways = fillers(rivals, noise)
    rows: dict[str, Row] = {}
    labels = []
    for begin in range(0, windows, CHUNK):
        gaps = source[0].draw(min(CHUNK, windows - begin), source[1], gap)
        labels.append(gaps.labels.numpy())
        for name, net in (("drop", rivals.plain), ("drop+kd", rivals.distilled)):
            _row(rows, name).logits.append(read_dropped(net, gaps.condition).logits[:, None])
        refined = read_dropped(rivals.fusion, gaps.condition).logits[:, None]
        _row(rows, "drop+kd, refined").logits.append(refined)
        whole = whole_view(rivals.fusion, gaps, gap).logits[:, None]
        _row(rows, "whole").logits.append(whole)
        for name, fill in ways.items():
            row = _row(rows, name)
            began = clock()
            samples = fill(gaps.condition)
            row.logits.append(read_samples(rivals.fusion, samples, gaps.condition).logits)
            row.seconds += clock() - began
            _compare(row, samples, gaps)
    return Readings(rows, np.concatenate(labels))


def _row(rows: dict[str, Row], name: str) -> Row:
    return rows.setdefault(name, Row([]))


def _compare(row: Row, samples: Mapping[Modality, Tensor], gaps: Gaps) -> None:
    """Add up how far recovered tokens are from the true ones."""
    pooled: dict[Modality, tuple[Tensor, Tensor]] = {}
    for name in MODALITIES:
        known = gaps.condition.wanted[name] & gaps.complete[name]
        if not known.any():
            continue
        true, mean = gaps.truth[name][known], samples[name].mean(dim=1)[known]
        row.squared += float((mean - true).square().sum())
        row.variance += float(true.square().sum())
        row.values += true.numel()
        rows = known.any(dim=1)
        weight = known[rows].float() / known[rows].sum(dim=1, keepdim=True)
        # All windows share their noise, so another sample of each: one noise for all would shift
        # the whole cloud.
        filled = samples[name][rows]
        each = torch.arange(len(filled))
        pooled[name] = (
            torch.einsum("bt,btd->bd", weight, filled[each, each % filled.shape[1]]),
            torch.einsum("bt,btd->bd", weight, gaps.truth[name][rows]),
        )
    if row.pooled is None:
        row.pooled = []
    row.pooled.append(pooled)


def energy_distance(one: Tensor, other: Tensor) -> float:
    """Energy distance of two clouds (N, D) per square root of D; 0 when they are alike.

    Szekely and Rizzo (2013), Energy statistics: 2 E|x - y| - E|x - x'| - E|y - y'|.
    """
    scale = one.shape[1] ** 0.5
    within = sum(
        float(torch.cdist(x, x).sum()) / (len(x) * max(1, len(x) - 1)) for x in (one, other)
    )
    distance = (2.0 * float(torch.cdist(one, other).mean()) - within) / scale
    return float(distance)


def averaged(row: Row, samples: int, temperature: float) -> Float32:
    """(N, 7) mean probabilities over the first samples."""
    logits = torch.cat(row.logits)[:, :samples] / temperature
    return np.asarray(logits.softmax(dim=-1).mean(dim=1).numpy())


def best_temperature(row: Row, samples: int, labels: Ints) -> float:
    """The likeliest of `TEMPERATURES`."""
    return min(TEMPERATURES, key=lambda t: likelihood(averaged(row, samples, t), labels))


def sample_counts(name: str) -> tuple[int, ...]:
    """Numbers of samples that a method is judged with."""
    if name.startswith("student"):
        return SAMPLES
    return (1, TEACHER_SAMPLES) if name.startswith(("teacher", "euler")) else (1,)


def table(valid: Readings, test: Readings) -> list[Line]:
    """One line per method and number of samples: temperatures from `valid`, figures of `test`."""
    lines: list[Line] = []
    for name, row in test.rows.items():
        for samples in sample_counts(name):
            temperature = best_temperature(valid.rows[name], samples, valid.labels)
            p = averaged(row, samples, temperature)
            predicted = p.argmax(axis=1)
            line: Line = {
                "method": name,
                "samples": samples,
                "accuracy": accuracy(test.labels, predicted),
                "uar": unweighted_average_recall(test.labels, predicted),
                "nll": likelihood(p, test.labels),
                "ece": expected_calibration_error(p, test.labels),
                "temperature": round(temperature, 3),
            }
            line.update(_nearness(row, len(test.labels), samples, max(sample_counts(name))))
            lines.append(line)
    return lines


def _nearness(row: Row, windows: int, samples: int, most: int) -> dict[str, float | None]:
    if row.pooled is None or samples != most:
        return {}
    found: dict[str, float | None] = {
        "mse": row.squared / row.values,
        "r2": 1.0 - row.squared / row.variance,
        "ms_per_window": 1000.0 * row.seconds / windows,
    }
    distances = []
    for name in MODALITIES:
        parts = [p[name] for p in row.pooled if name in p]
        if parts:
            clouds = [torch.cat([p[k] for p in parts]) for k in (0, 1)]
            distances.append(energy_distance(clouds[0], clouds[1]))
    found["energy_distance"] = float(np.mean(distances))
    return found
