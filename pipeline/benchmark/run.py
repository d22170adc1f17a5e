"""Runs a comparison: processes that share a folder, watched by one that shows how far they are.

A cell is finished when its line is in the folder's list, so a run may be killed at any moment and
started again; what is finished is never computed again, and what was not starts anew from its seed.
"""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final, Protocol

from . import worker
from .errors import BenchmarkError
from .plan import Request, check_words, open_folder, open_loader

POLL_S: Final = 0.5


class View(Protocol):
    """Shows progress."""

    def begin(self, done: int, total: int) -> None:
        """So many cells are finished already."""

    def line(self, text: str, done: int) -> None:
        """Another cell is finished."""


def run_benchmark(request: Request, view: View) -> None:
    """Compute all cells that are missing.

    Raises:
        ModelError: an unknown name, or data or a model that cannot be used.
        BenchmarkError: a process failed, or the folder holds another comparison.
    """
    check_words(request)
    wanted = {(job, name) for job, _ in request.jobs_of() for name in request.names()}

    def finished() -> int:
        return len(wanted & set(request.store().finished()))

    begin = finished()
    if begin < len(wanted):
        # Opened once here, so that wrong data are one clear line before any process starts.
        open_loader(request, request.rates()[0])
    open_folder(request)
    view.begin(begin, len(wanted))
    if begin == len(wanted):
        return
    with _workers(request) as workers:
        while workers:
            wait([w.connection for w in workers] + [w.process.sentinel for w in workers], POLL_S)
            for found in list(workers):
                for kind, text in found.messages():
                    if kind == "error":
                        raise BenchmarkError(text)
                    if kind == "done":
                        view.line(text, finished())
                    found.ended = found.ended or kind == "end"
                if not found.process.is_alive():
                    if not found.ended:
                        raise BenchmarkError(
                            f"a process ended with {found.process.exitcode}; what is finished is "
                            "kept: run the same command again"
                        )
                    workers.remove(found)
    if finished() < len(wanted):
        raise BenchmarkError("another run holds some of the cells; wait for it, or run again")


class _Worker:
    """A process and the connection to it."""

    def __init__(self, request: Request, offset: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection: Connection
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=worker.main, args=(theirs, request.to_json(), offset), daemon=True
        )
        self.process.start()
        theirs.close()
        self.ended = False

    def messages(self) -> Iterator[tuple[str, str]]:
        """What it has said."""
        try:
            while self.connection.poll():
                kind, text = self.connection.recv()
                yield str(kind), str(text)
        except (EOFError, OSError):
            return


@contextmanager
def _workers(request: Request) -> Iterator[list[_Worker]]:
    """Processes that are ended with the block, whatever ends it."""
    started: list[_Worker] = []
    jobs = len(request.jobs_of())
    try:
        count = min(request.jobs, jobs)
        started.extend(_Worker(request, turn * jobs // count) for turn in range(count))
        yield list(started)
    finally:
        for found in started:
            found.process.kill()
            found.process.join()
            found.connection.close()
