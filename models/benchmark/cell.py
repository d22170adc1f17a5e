"""One cell of the comparison: one model, one data set, one seed, one fold.

A model is fitted once and read once per set of modalities; conditions that take whole modalities
pick from these readings by their masks, since what a model says of a sample depends on the sample
and on what is left of it alone (checked: `honesty.check_alone`). Damaged samples are read anew.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..calibration import pattern_name
from ..errors import ModelError
from ..features import Float32
from ..study.cells import CellStore, Job
from ..study.judging import calibrated, class_prior, read_patterns, temperatures
from ..study.workbench import Build, Task
from ..zoo.interface import Recogniser
from ..zoo.samples import Samples
from .catalogue import parameters_of
from .honesty import check_alone, check_parts, sealed
from .ledger import Ledger
from .protocols import damaged, masks_of, realised, settings_of

MASKS: Final = "masks"
TIMED: Final = 15
FOLDS_APART: Final = 100

Clock = Callable[[], float]
"""Seconds from some start; given by the caller, since models read no clock."""


Progress = Callable[[str], None]


def run_cells(
    job: Job,
    make_task: Callable[[], Task],
    models: Mapping[str, Build],
    store: CellStore,
    report: tuple[Clock, Progress],
) -> int:
    """Compute and store what is missing of a job.

    Args:
        job: which.
        make_task: its data; called only when something is missing.
        models: by name.
        store: finished cells; one that is there is never computed again.
        report: seconds of this process's work, and a line to the user for each cell.

    Returns:
        how many cells were computed; 0 as well when another process has the job.

    Raises:
        DatasetError: the parts share a sample or a speaker.
        ModelError: a model's answer depends on its neighbours.
    """
    clock, progress = report
    with store.claimed(job) as mine:
        if not mine:
            return 0
        done = {method for other, method in store.finished() if other == job}
        missing = [name for name in models if name not in done or not store.has_arrays(job, name)]
        if not missing:
            return 0
        task = make_task()
        check_parts(task)
        hidden, labels = sealed(task)
        masks = masks_of(task.test.names, len(task.test), task.test.bins, mask_seed(job))
        store.write_arrays(job, MASKS, masks)
        bench = Ledger(hidden, clock)
        for name in missing:
            model, fitted = bench.built(models[name])
            arrays, line = read_cell(model, task, mask_seed(job))
            arrays |= {"labels": labels, "groups": task.test.groups}
            line["fit_s"] = round(fitted, 2)
            line["latency_ms"] = round(latency_ms(model, hidden.test, clock), 3)
            line["parameters"] = parameters_of(model)
            line["realised"] = realised(masks)
            if name in done:
                store.write_arrays(job, name, arrays)
            else:
                store.write(job, name, arrays, line)
            progress(f"{job.name} {name}: {fitted:.1f} s of work")
        return len(missing)


def mask_seed(job: Job) -> int:
    """Seed of a job's masks; the same for all models."""
    return job.seed * FOLDS_APART + job.fold


def read_cell(
    model: Recogniser, task: Task, seed: int
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read a fitted model's answers, calibrated by the validation part.

    Returns:
        arrays "test.PATTERN" and "damage.KEY" (N, C) and "prior" (C,); and temperatures.
    """
    blind = sealed(task)[0].test
    check_alone(model, blind)
    fitted = temperatures(read_patterns(model.predict, task.valid), task.valid.labels)
    arrays: dict[str, NDArray[Any]] = {"prior": class_prior(task.train.labels, task.config.classes)}
    for name, raw in read_patterns(model.predict, blind).items():
        arrays[f"test.{name}"] = calibrated(checked(raw, model), fitted[name])
    whole = fitted[pattern_name(blind.names)]
    for setting in settings_of(blind.names, blind.bins):
        if setting.damages:
            raw = model.predict(damaged(blind, task.train, setting, seed))
            arrays[f"damage.{setting.key}"] = calibrated(checked(raw, model), whole)
    return arrays, {"temperatures": fitted}


def checked(probabilities: Float32, model: Recogniser) -> Float32:
    """Refuse answers that are no probabilities.

    Raises:
        ModelError: not finite, or rows that do not sum to 1.
    """
    total = probabilities.sum(axis=1)
    if not np.isfinite(probabilities).all() or not np.allclose(total, 1.0, atol=1e-3):
        raise ModelError(f"{type(model).__name__}: its answers are no probabilities")
    return probabilities


def latency_ms(model: Recogniser, test: Samples, clock: Clock) -> float:
    """Median time to read one sample that has lost its first modality, ms."""
    kept = set(test.names[1:]) or set(test.names)
    alone: Sequence[Samples] = [
        test.rows(np.array([row % len(test)])).only(kept) for row in range(TIMED)
    ]
    model.predict(alone[0])
    taken = []
    for sample in alone:
        begin = clock()
        model.predict(sample)
        taken.append(clock() - begin)
    return float(np.median(taken)) * 1000.0
