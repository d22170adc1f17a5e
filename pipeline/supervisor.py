"""Worker processes and the rule by which dead ones come back.

A worker is `python -m tacit.pipeline.worker NAME`. Its job goes in on stdin as one JSON line; the
pipe then stays open, so that a worker whose parent dies reads end-of-file and ends as well. What it
writes to stderr goes to a log file, never to a pipe that could fill up and block it.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from .job import Job

NS_PER_S: Final = 1_000_000_000
_LOG_TAIL_BYTES: Final = 2000


@dataclass(frozen=True, slots=True)
class RestartRule:
    """When a dead worker may come back.

    Attributes:
        first_ns: delay after the first death; doubles with each further one.
        most_ns: longest delay.
        breaker_deaths: this many deaths within `breaker_ns` and it stays down.
        breaker_ns: how long a death counts.
    """

    first_ns: int = NS_PER_S
    most_ns: int = 32 * NS_PER_S
    breaker_deaths: int = 5
    breaker_ns: int = 60 * NS_PER_S


class Restarts:
    """Counts the deaths of one worker and says when it may start again; reads no clock."""

    def __init__(self, rule: RestartRule | None = None) -> None:
        self._rule = rule or RestartRule()
        self._deaths: deque[int] = deque()

    def died(self, now_ns: int) -> int | None:
        """Note a death.

        Returns:
            the time from which it may start again, or None when the breaker opens.
        """
        rule = self._rule
        self._deaths.append(now_ns)
        while self._deaths[0] < now_ns - rule.breaker_ns:
            self._deaths.popleft()
        count = len(self._deaths)
        if count >= rule.breaker_deaths:
            return None
        delay_ns: int = min(rule.first_ns * 2 ** (count - 1), rule.most_ns)
        return now_ns + delay_ns


class WorkerProcess:
    """One worker process.

    Args:
        name: which worker; also the name of its log file.
        folder: private folder for the log.
        threads: how many threads its numeric libraries may use.
    """

    def __init__(self, name: str, folder: Path, threads: int = 1) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        self._threads = threads
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, job: Job) -> None:
        """Start it with a job."""
        env = os.environ | {
            "OMP_NUM_THREADS": str(self._threads),
            "MKL_NUM_THREADS": str(self._threads),
            "GLOG_minloglevel": "2",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tacit.pipeline.worker", self.name],
                stdin=subprocess.PIPE,
                stdout=descriptor,
                stderr=descriptor,
                env=env,
            )
        finally:
            os.close(descriptor)
        self.tell(job)

    def tell(self, order: BaseModel) -> None:
        """Send one JSON line; a worker that has just died is noticed by `exit_code` instead."""
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(order.model_dump_json().encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return

    def exit_code(self) -> int | None:
        """None while it runs; negative numbers are signals."""
        return None if self._process is None else self._process.poll()

    def last_words(self) -> str:
        """Last line of its log, or an empty string."""
        return last_line(self._log)

    def close(self, patience_s: float = 1.0) -> None:
        """End it: end-of-file and SIGTERM first, SIGKILL when it does not listen."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(patience_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def last_line(log: Path) -> str:
    """Last line of a log that says something, or an empty string."""
    try:
        tail = log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def describe_exit(code: int) -> str:
    """Exit code in words."""
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


@dataclass(frozen=True, slots=True)
class Death:
    """A worker that ended without being asked to.

    Attributes:
        name: which worker.
        detail: how it ended and its last words, in one line.
        permanent: whether it stays down, because it died too often.
    """

    name: str
    detail: str
    permanent: bool


class Supervised:
    """A worker that is brought back when it dies.

    Args:
        process: the worker.
        job: what it is told at every start.
        rule: when it may come back.
    """

    def __init__(self, process: WorkerProcess, job: Job, rule: RestartRule | None = None) -> None:
        self.process = process
        self.ready = False
        self.starts = 0
        self._job = job
        self._restarts = Restarts(rule)
        self._revive_ns: int | None = None

    @property
    def epoch(self) -> int:
        """How often it has been started before the present start."""
        return max(self.starts - 1, 0)

    def start(self) -> None:
        """Start it for the first time or again."""
        self.ready = False
        self.starts += 1
        self._revive_ns = None
        self.process.start(self._job.model_copy(update={"epoch": self.epoch}))

    def check(self, now_ns: int) -> Death | None:
        """Notice a death, once; an unready worker that waits for its revival is not dead again."""
        code = self.process.exit_code()
        if code is None:
            return None
        words = self.process.last_words()
        self.process.close()
        self.ready = False
        self._revive_ns = self._restarts.died(now_ns)
        detail = f"{self.process.name} worker: {describe_exit(code)}"
        return Death(
            self.process.name,
            f"{detail}: {words}" if words else detail,
            permanent=self._revive_ns is None,
        )

    def revive(self, now_ns: int) -> bool:
        """Start it again if it is due.

        Returns:
            whether it was started now.
        """
        if self._revive_ns is None or now_ns < self._revive_ns:
            return False
        self.start()
        return True

    def kill(self) -> None:
        """End it the hard way; `check` then finds it dead."""
        pid = self.process.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
