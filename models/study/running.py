"""Runs the methods of a job that are not finished yet and stores each as a cell."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..features import Float32
from ..zoo.gated import Gated
from ..zoo.samples import Samples
from .cells import CellStore, Job
from .judging import (
    Predict,
    calibrated,
    class_prior,
    figures,
    patterns,
    read_patterns,
    temperatures,
)
from .workbench import EVERYTHING, Task, Workbench

Clock = Callable[[], float]
"""Seconds from some start; given by the caller, since models read no clock."""

Progress = Callable[[str], None]
OURS: Final = "ours"


def run_job(
    job: Job,
    make_task: Callable[[], Task],
    wanted: Sequence[str],
    store: CellStore,
    report: tuple[Clock, Progress],
) -> int:
    """Compute and store what is missing of a job.

    Args:
        job: which.
        make_task: its data; called only when something is missing.
        wanted: methods out of `workbench.EVERYTHING`.
        store: finished cells; a cell that is there is never computed again.
        report: a clock and a line to the user.

    Returns:
        how many cells were computed; 0 as well when another process has the job.
    """
    clock, progress = report
    with store.claimed(job) as mine:
        if not mine:
            return 0
        done = {method for (other, method) in store.finished() if other == job}
        missing = [m for m in wanted if m not in done or not store.has_arrays(job, m)]
        if not missing:
            return 0
        unknown = [m for m in missing if m not in EVERYTHING]
        if unknown:
            raise ModelError(f"no method {unknown[0]!r}; known: {', '.join(EVERYTHING)}")
        bench = Workbench(make_task())
        for method in missing:
            begin = clock()
            arrays, line = judged(EVERYTHING[method](bench).predict, bench.task)
            if method == OURS:
                arrays |= gate_arrays(bench.ours, bench.task.test)
                line["gate"] = bench.ours.gate
            line["seconds"] = round(clock() - begin, 2)
            if method not in done:
                store.write(job, method, arrays, line)
            else:
                store.write_arrays(job, method, arrays)
            progress(f"{job.name} {method}: {line['seconds']} s")
        return len(missing)


def judged(predict: Predict, task: Task) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read validation and test samples, calibrate by the former, and measure on the latter.

    Returns:
        arrays "test.PATTERN" (N, C) calibrated, "prior" (C,), "labels" and "groups" (N,); and
        figures, temperatures and losses by pattern.
    """
    classes = task.config.classes
    fitted = temperatures(read_patterns(predict, task.valid), task.valid.labels)
    arrays: dict[str, NDArray[Any]] = {
        "labels": task.test.labels,
        "groups": task.test.groups,
        "prior": class_prior(task.train.labels, classes),
    }
    found: dict[str, dict[str, float]] = {}
    for name, raw in read_patterns(predict, task.test).items():
        probabilities = calibrated(raw, fitted[name])
        arrays[f"test.{name}"] = probabilities
        found[name] = figures(probabilities, task.test.labels)
    return arrays, {"temperatures": fitted, "test": found}


def gate_arrays(ours: Gated, test: Samples) -> dict[str, NDArray[Any]]:
    """What the gate decided on the test samples, by pattern: its share and both readings."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, kept in patterns(test.names).items():
        seen = ours.readings(test.only(kept))
        arrays[f"share.{name}"] = np.asarray(ours.share(seen), dtype=np.float32)
        arrays[f"recovered.{name}"] = as_float32(seen.recovered)
        arrays[f"dropped.{name}"] = as_float32(seen.dropped)
    return arrays


def as_float32(values: NDArray[Any]) -> Float32:
    """The same numbers in single precision."""
    return np.asarray(values, dtype=np.float32)
