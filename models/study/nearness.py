"""How near what is filled in comes to what was lost: feature error, distribution and time.

Every way of filling gets the same complete test samples with one modality hidden, in the token
space of the same network, so that nothing but the filling differs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from torch import Tensor

from ..errors import ModelError
from ..recovery.flow import Solver
from ..training.recovery_evaluate import energy_distance
from ..zoo.backbone import encode
from ..zoo.fillers import (
    Bank,
    Filler,
    MeanFiller,
    NearestDonor,
    RandomDonor,
    ZeroFiller,
    hidden_views,
)
from .cells import CellStore, Job
from .statistics import draws, interval
from .workbench import MANY, TEACHER_STEPS, Task, Workbench

Clock = Callable[[], float]
"""Seconds from some start."""
LAST: Final = f"teacher{TEACHER_STEPS}"
"""The way that is measured and stored last."""


def fillers(bench: Workbench) -> dict[str, tuple[Filler, int]]:
    """Ways of filling by name, with how many samples of each are averaged."""
    residual, config = bench.residual, bench.task.config
    simple: dict[str, Filler] = {
        "zero": ZeroFiller(),
        "mean": MeanFiller(),
        "nearest": NearestDonor(),
        "random": RandomDonor(),
    }
    for filler in simple.values():
        filler.fit(*bench.banks(bench.again), config)
    found: dict[str, tuple[Filler, int]] = {name: (filler, 1) for name, filler in simple.items()}
    found["regression"] = (residual.expected, 1)
    for steps in (1, 2, 4):
        found[f"student{steps}"] = (residual.filler(Solver(steps, student=True)), MANY)
        found[f"naive{steps}"] = (residual.filler(Solver(steps)), MANY)
    found[LAST] = (residual.filler(Solver(TEACHER_STEPS)), MANY)
    return found


def measure(bench: Workbench, clock: Clock) -> dict[str, dict[str, Any]]:
    """Fill the test samples in every way.

    Args:
        bench: trained on demand.
        clock: of the processor.

    Returns:
        per way: `samples`, `ms` per window, and per lost modality `squared` error of the mean of
        the samples and `variance` about the training mean, summed for each of `groups`, and the
        `energy_distance` of single samples to the truth.
    """
    train, _ = bench.banks(bench.again)
    test = Bank(encode(bench.again.backbone, bench.task.test))
    usual = {name: tokens.mean(dim=0) for name, tokens in train.tokens.items()}
    groups, owner = np.unique(bench.task.test.groups, return_inverse=True)

    def per_group(errors: Tensor) -> list[float]:
        each = errors.square().flatten(1).sum(dim=1).double().numpy()
        return [round(float(v), 4) for v in np.bincount(owner, each, len(groups))]

    found: dict[str, dict[str, Any]] = {}
    for way, (filler, samples) in fillers(bench).items():
        lost, begun = {}, clock()
        made = [filler.fill(condition, samples, 0) for condition, _ in hidden_views(test)]
        spent_s = clock() - begun
        for name, filled in zip(test.tokens, made, strict=True):
            truth, drawn = test.tokens[name], filled[name]
            lost[name] = {
                "groups": groups.tolist(),
                "squared": per_group(drawn.mean(dim=1) - truth),
                "variance": per_group(truth - usual[name]),
                "energy_distance": energy_distance(drawn[:, 0].flatten(1), truth.flatten(1)),
            }
        windows = len(test) * len(made)
        found[way] = {"samples": samples, "lost": lost, "ms": 1000.0 * spent_s / windows}
    return found


def run_job(job: Job, make_task: Callable[[], Task], store: CellStore, clock: Clock) -> bool:
    """Measure and store one job, unless it is there or another process has it.

    Returns:
        whether it was measured now.
    """
    with store.claimed(job) as mine:
        if not mine or (job, LAST) in store.finished():
            return False
        for way, line in measure(Workbench(make_task()), clock).items():
            store.write(job, way, {}, line)
    return True


def summarise(lines: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Figures of each way over all seeds and folds.

    Args:
        lines: of one study and share; each seed must have all folds.

    Returns:
        per way: `samples`; `r2`, the share of the lost tokens' variance that is explained, with its
        interval over whole groups; `energy_distance` and `ms`, means over folds. Both figures are
        means over the lost modalities.

    Raises:
        ModelError: seeds were measured on different groups.
    """
    found = {}
    for way in dict.fromkeys(line["method"] for line in lines):
        own = [line for line in lines if line["method"] == way]
        curves = [_r2_curve(own, name) for name in own[0]["lost"]]
        distances = [one["energy_distance"] for line in own for one in line["lost"].values()]
        found[way] = {
            "samples": own[0]["samples"],
            "r2": list(interval(np.mean(curves, axis=0))),
            "energy_distance": float(np.mean(distances)),
            "ms": float(np.mean([line["ms"] for line in own])),
        }
    return found


def _r2_curve(lines: Sequence[Mapping[str, Any]], name: str) -> np.ndarray[Any, Any]:
    sums: dict[int, np.ndarray[Any, Any]] = {}
    met: dict[int, int] = {}
    for line in lines:
        part = line["lost"][name]
        for group, *pair in zip(part["groups"], part["squared"], part["variance"], strict=True):
            sums[group] = sums.get(group, np.zeros(2)) + np.array(pair)
            met[group] = met.get(group, 0) + 1
    if len(set(met.values())) != 1:
        raise ModelError("the seeds are not all measured on the same groups; run the rest first")
    squared, variance = np.stack([sums[group] for group in sorted(sums)], axis=1)
    weights = draws(len(sums))
    return np.asarray(1.0 - (weights @ squared) / (weights @ variance))
