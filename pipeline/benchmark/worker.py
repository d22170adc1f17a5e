"""One process of a comparison: takes whatever cells are neither finished nor taken."""

import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from time import process_time

import torch

from ...models.benchmark.cell import run_cells
from ...models.benchmark.sets import Loader
from ...models.errors import ModelError
from ...models.study.cells import Job
from ...models.study.workbench import Task
from .errors import BenchmarkError
from .plan import Request, open_loader


def main(connection: Connection, text: str, offset: int) -> None:
    """Work through all jobs, starting at another one than the other processes.

    Args:
        connection: to the parent; its end means that the parent is gone.
        text: `Request.to_json`.
        offset: of the first job.
    """
    threading.Thread(target=_end_with_parent, args=(connection,), daemon=True).start()
    torch.set_num_threads(1)
    try:
        work(Request.from_json(text), offset, lambda line: connection.send(("done", line)))
        connection.send(("end", ""))
    except (ModelError, BenchmarkError) as exc:
        connection.send(("error", str(exc)))


def work(request: Request, offset: int, say: Callable[[str], None]) -> None:
    """Compute all cells that nobody else has."""
    jobs = request.jobs_of()
    turned = [*jobs[offset % len(jobs) :], *jobs[: offset % len(jobs)]]
    loaders: dict[float | None, Loader] = {}
    builds, store = request.builds(), request.store()
    for job, rate in turned:

        def task_of(job: Job = job, rate: float | None = rate) -> Task:
            if rate not in loaders:
                loaders[rate] = open_loader(request, rate)
            return loaders[rate].task(job)

        run_cells(job, task_of, builds, store, (process_time, say))


def _end_with_parent(connection: Connection) -> None:
    """A parent that is killed cannot tell its children; the end of the pipe does."""
    try:
        while True:
            connection.recv()
    except (EOFError, OSError):
        os._exit(1)
