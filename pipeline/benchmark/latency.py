"""Side by side in one run: how long each model takes for one window that lost a modality.

The models are trained for two epochs, which their times do not depend on. Then they take turns, one
window each, so that whatever else the machine does disturbs all alike.
"""

import os
import platform
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter, process_time
from typing import Any, Final

import numpy as np
import torch

from ...models.benchmark.catalogue import CATALOGUE, LATENCY
from ...models.benchmark.sets import Loader, Profile, Source
from ...models.study.cells import Job
from ...models.study.workbench import Workbench
from ...models.zoo.flows import FlowPlan
from ...models.zoo.interface import Recogniser
from ...models.zoo.samples import Samples
from .tables import Table

WARM: Final = 3
SHORT: Final = Profile(2, 1, FlowPlan(teacher_epochs=2, student_epochs=1), folds=1)
NOTES: Final = {
    "rohydr.dit": "50 DDIM steps",
    "rohydr.score": "100 Euler-Maruyama steps",
    "recovered": "1 step, 32 samples",
    "recovered.2": "2 steps, 32 samples",
    "recovered.4": "4 steps, 32 samples",
    "ours": "1 step, 32 samples, and a dropping model",
}


def measure_latency(
    data: str, source: Source, repeats: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Train shortly, then time in turns.

    Args:
        data: name of a data set with two modalities or more.
        source: where it is.
        repeats: windows per model.
        say: told which model is being trained.

    Raises:
        ModelError: an unknown set, or data that cannot be used.
    """
    torch.set_num_threads(1)
    task = Loader(data, source, SHORT).task(Job(data, 1.0, 0, 0))
    bench = Workbench(replace(task, config=replace(task.config, epochs=2)))
    models = {}
    for name in LATENCY:
        say(f"training {name}")
        models[name] = CATALOGUE[name].build(bench)
    lost = task.test.names[0]
    view = task.test.only(set(task.test.names[1:]))
    rows = {
        name: {"wall_ms": wall, "work_ms": work, "note": NOTES.get(name, "")}
        for name, (wall, work) in timed(models, view, repeats).items()
    }
    return {
        "data": data,
        "lost": lost,
        "repeats": repeats,
        "threads": 1,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, PyTorch {torch.__version__}",
        "load": round(os.getloadavg()[0], 1),
        "rows": rows,
    }


def timed(
    models: dict[str, Recogniser], view: Samples, repeats: int
) -> dict[str, tuple[list[float], list[float]]]:
    """Median and 95th percentile of wall time and of work, ms, per model."""
    wall: dict[str, list[float]] = {name: [] for name in models}
    work: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(repeats + WARM):
        window = view.rows(np.array([turn % len(view)]))
        for name, model in models.items():
            begin, busy = perf_counter(), process_time()
            model.predict(window)
            if turn >= WARM:
                wall[name].append((perf_counter() - begin) * 1000.0)
                work[name].append((process_time() - busy) * 1000.0)
    return {name: (edges(wall[name]), edges(work[name])) for name in models}


def edges(values: list[float]) -> list[float]:
    """Median and 95th percentile."""
    return [round(float(x), 3) for x in np.quantile(values, [0.5, 0.95])]


def latency_table(found: dict[str, Any]) -> Table:
    """The table of a measurement."""
    rows = tuple(
        (
            CATALOGUE[name].title,
            row["note"],
            *(f"{x:.1f}" for x in (*row["work_ms"], *row["wall_ms"])),
        )
        for name, row in found["rows"].items()
    )
    return Table(
        f"One window of {found['data']} without {found['lost']}, in turns",
        ("model", "", "work, ms", "95th percentile", "wall, ms", "95th percentile"),
        rows,
        f"{found['repeats']} windows per model, one thread, {found['machine']}, load average "
        f"{found['load']} at the end. Work is the time of the process itself and hardly depends on "
        "the load; wall time does.",
    )
