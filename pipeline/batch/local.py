"""Runs a batch on this machine: a worker process per job, replaced when it dies."""

import contextlib
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final

from ..supervisor import describe_exit, last_line
from . import worker
from .engine import Backlog, Share, Try
from .inputs import BatchError, BatchInput
from .reading import Outcome
from .recipe import Recipe

POLL_S: Final = 0.5
STALL_S: Final = 300.0
"""A worker that says nothing for so long is ended; speech to text of one phrase is the slowest."""
INPUTS_PER_WORKER: Final = 500
"""A worker is then replaced, so that nothing that leaks can add up without bound."""


class LocalEngine:
    """Reads inputs in processes of this machine.

    Args:
        recipe: how.
        out: folder of the data set.
        jobs: most inputs read at a time.
    """

    def __init__(self, recipe: Recipe, out: Path, jobs: int) -> None:
        self._recipe = recipe
        self._out = out
        self._jobs = jobs
        self._workers: list[_Worker] = []
        self._logs = tempfile.TemporaryDirectory(prefix="tacit-batch-")
        self._started = 0

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [w.pid for w in self._workers]

    def run(self, inputs: Iterable[BatchInput], share: Share) -> Iterator[Outcome]:
        """Read them all; see `Engine`."""
        backlog = Backlog(inputs)
        while backlog or any(w.tried for w in self._workers):
            self._hand_out(backlog)
            self._await_news()
            for found in list(self._workers):
                yield from self._look_after(found, backlog, share)
        self.close()

    def close(self) -> None:
        """End all workers at once."""
        for found in self._workers:
            found.kill()
        self._workers.clear()
        self._logs.cleanup()

    def _hand_out(self, backlog: Backlog) -> None:
        free = [w for w in self._workers if w.tried is None]
        while backlog and (free or len(self._workers) < self._jobs):
            (free.pop() if free else self._start()).give(backlog.take())

    def _start(self) -> "_Worker":
        log = Path(self._logs.name) / f"{self._started}.log"
        self._started += 1
        self._workers.append(_Worker(self._recipe, self._out, log))
        return self._workers[-1]

    def _await_news(self) -> None:
        wait([w.connection for w in self._workers] + [w.sentinel for w in self._workers], POLL_S)

    def _look_after(self, found: "_Worker", backlog: Backlog, share: Share) -> Iterator[Outcome]:
        dead = not found.alive
        for message in found.messages():
            if "share" in message and found.tried is not None:
                share(found.tried.source, float(message["share"]))
            elif "fatal" in message:
                raise BatchError(message["fatal"])
            elif found.tried is not None:
                outcome = Outcome.model_validate(message["outcome"])
                yield outcome.model_copy(update={"attempts": found.tried.attempt})
                found.tried = None
        if found.tried is not None and time.monotonic() - found.heard > STALL_S:
            reason: str | None = f"no progress for {STALL_S:.0f} s"
        else:
            reason = found.last_words() if dead else None
        if reason is not None or (found.tried is None and found.given >= INPUTS_PER_WORKER):
            found.kill()
            self._workers.remove(found)
            lost = backlog.lost(found.tried, reason or "") if found.tried else None
            if lost is not None:
                yield lost


class _Worker:
    """One process, the connection to it, and what it is reading."""

    def __init__(self, recipe: Recipe, out: Path, log: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._log = log
        self._process = context.Process(
            target=worker.main,
            args=(theirs, recipe.model_dump_json(), str(out), str(log)),
            daemon=True,
        )
        with _environment(recipe.settings.threads):
            self._process.start()
        theirs.close()
        self.tried: Try | None = None
        self.given = 0
        self.heard = time.monotonic()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid or 0

    @property
    def sentinel(self) -> int:
        """Becomes ready when the process ends."""
        return self._process.sentinel

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    def give(self, tried: Try) -> None:
        """Let it read an input; one that has just died is noticed by `alive` instead."""
        self.tried = tried
        self.given += 1
        self.heard = time.monotonic()
        with contextlib.suppress(OSError):
            self.connection.send_bytes(tried.source.model_dump_json().encode())

    def messages(self) -> Iterator[dict[str, Any]]:
        """What it has said."""
        while self._has_word(self.connection):
            try:
                message = json.loads(self.connection.recv_bytes())
            except (EOFError, OSError):
                return
            self.heard = time.monotonic()
            yield message

    def last_words(self) -> str:
        """How it ended."""
        self._process.join()
        how = f"worker {describe_exit(self._process.exitcode or 0)}"
        words = last_line(self._log)
        return f"{how}: {words}" if words else how

    def kill(self) -> None:
        """End it at once; what it was writing has another name until it is whole."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self.connection.close()

    @staticmethod
    def _has_word(connection: Connection) -> bool:
        try:
            return connection.poll()
        except OSError:
            return False


@contextlib.contextmanager
def _environment(threads: int) -> Iterator[None]:
    """What numeric libraries read when they are loaded, before any code of ours runs."""
    wanted = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "GLOG_minloglevel": "2",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
