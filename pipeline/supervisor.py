"""Worker processes, how they are watched, and the rule by which dead ones come back.

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
from typing import Final, Literal

from pydantic import BaseModel

from .job import Job
from .process_facts import activity, memory_bytes
from .watch import Deadlines, LoadingWatch, Watch

NS_PER_S: Final = 1_000_000_000
LOAD_NS: Final = 180 * NS_PER_S
"""Loading reads files from a disk that may be busy; nobody is answered meanwhile anyway."""
MEMORY_LOOK_NS: Final = NS_PER_S // 4
Cause = Literal["worker_died", "worker_hung", "worker_memory"]
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
        program: what is run; the worker of that name by default.
    """

    def __init__(
        self, name: str, folder: Path, threads: int = 1, program: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self._program = program or (sys.executable, "-m", "tacit.pipeline.worker", name)
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
                self._program,
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
        cause: whether it died by itself, or was ended because it hung or took too much memory.
    """

    name: str
    detail: str
    permanent: bool
    cause: Cause = "worker_died"


@dataclass(frozen=True, slots=True)
class Care:
    """How a worker is watched while it works.

    Attributes:
        deadlines: how long it may give no sign of life; None: it is not watched.
        memory_bytes: how much it may take (PSS); 0 for any amount.
    """

    deadlines: Deadlines | None = None
    memory_bytes: int = 0


class Supervised:
    """A worker that is watched, and brought back when it dies.

    Args:
        process: the worker.
        job: what it is told at every start.
        rule: when it may come back.
        care: how it is watched.
    """

    def __init__(
        self,
        process: WorkerProcess,
        job: Job,
        rule: RestartRule | None = None,
        care: Care | None = None,
    ) -> None:
        self.process = process
        self.starts = 0
        self.silences = 0
        self._ready = False
        self._job = job
        self._restarts = Restarts(rule)
        self._revive_ns: int | None = None
        self._care = care or Care()
        self._watch = None if self._care.deadlines is None else Watch(self._care.deadlines)
        self._began_ns: int | None = None
        self._loading = LoadingWatch()
        self._memory_ns = 0
        self._ended: tuple[Cause, str] | None = None

    @property
    def epoch(self) -> int:
        """How often it has been started before the present start."""
        return max(self.starts - 1, 0)

    @property
    def ready(self) -> bool:
        """Whether it has loaded its models."""
        return self._ready

    @ready.setter
    def ready(self, ready: bool) -> None:
        self._ready = ready

    @property
    def answering(self) -> bool:
        """Whether it can be expected to answer: loaded, and not silent for too long."""
        return self._ready and not (self._watch is not None and self._watch.silent)

    def heard(self, now_ns: int) -> None:
        """It gave a sign of life."""
        if self._watch is not None:
            self._watch.heard(now_ns)

    def start(self) -> None:
        """Start it for the first time or again."""
        self._ready = False
        self.starts += 1
        self._revive_ns = self._began_ns = None
        self._loading = LoadingWatch()
        self.process.start(self._job.model_copy(update={"epoch": self.epoch}))

    def check(self, now_ns: int) -> Death | None:
        """Notice a death, once, and end a worker that hangs or takes too much memory.

        An unready worker that waits for its revival is not dead again.
        """
        code = self.process.exit_code()
        if code is None:
            self._look(now_ns)
            return None
        words = self.process.last_words()
        self.process.close()
        self._ready = False
        self._revive_ns = self._restarts.died(now_ns)
        cause, how = self._ended or ("worker_died", describe_exit(code))
        self._ended = None
        detail = f"{self.process.name} worker: {how}"
        return Death(
            self.process.name,
            f"{detail}: {words}" if words and cause == "worker_died" else detail,
            permanent=self._revive_ns is None,
            cause=cause,
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

    def kill(self, cause: Cause = "worker_hung", how: str = "hung, was ended") -> None:
        """End it the hard way; `check` then finds it dead."""
        pid = self.process.pid
        if pid is not None:
            self._ended = (cause, how)
            os.kill(pid, signal.SIGKILL)

    def _look(self, now_ns: int) -> None:
        pid = self.process.pid
        if pid is None or self._ended is not None:
            return
        self._look_at_memory(pid, now_ns)
        watch = self._watch
        if watch is None:
            return
        if not self._ready:
            self._began_ns = now_ns if self._began_ns is None else self._began_ns
            if now_ns - self._began_ns > LOAD_NS:
                self.kill(how=f"not loaded after {LOAD_NS // NS_PER_S} s, was ended")
            elif self._loading.look(now_ns, activity(pid)) == "hung":
                self.kill(how="hung while it loaded, was ended")
            return
        if not watch.due(now_ns):
            return
        silent = watch.silent
        if watch.look(now_ns, activity(pid)) == "hung":
            self.kill()
        elif watch.silent and not silent:
            self.silences += 1

    def _look_at_memory(self, pid: int, now_ns: int) -> None:
        most = self._care.memory_bytes
        if not most or now_ns - self._memory_ns < MEMORY_LOOK_NS:
            return
        self._memory_ns = now_ns
        used = memory_bytes(pid, most)
        if used > most:
            how = f"took {used >> 20} MiB, more than {most >> 20}; was ended"
            self.kill("worker_memory", how)
