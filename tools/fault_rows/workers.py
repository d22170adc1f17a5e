"""Rows 16, 17 and 20 to 22: workers that die, hang, run out of memory, crash or are too slow."""

import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tacit.pipeline.config import Settings
from tacit.pipeline.events import Event
from tacit.pipeline.faults.outcome import Outcome
from tacit.pipeline.job import Job
from tacit.pipeline.plan import on_bus
from tacit.pipeline.supervisor import Care, RestartRule, Supervised, WorkerProcess
from tacit.pipeline.watch import Deadlines
from tacit.stream.endpoints import bus_place
from tacit.stream.packet import NS_PER_MS, NS_PER_S
from tools.fault_rows.registry import Setting, fault
from tools.fault_rows.rig import (
    PATIENCE_S,
    Person,
    Rig,
    alive,
    changes,
    error_of,
    reads,
    used,
)

WORKERS: Final = ("face", "audio", "text", "recognizer")
NOTICED_MS: Final = 50.0
REPLACED_MS: Final = 2000.0
AGAIN_MS: Final = 3000.0
"""The second death within a minute waits two seconds by the back-off."""
MOST_DEATHS: Final = 2
"""Of one worker within a minute."""
SLOW_S: Final = 7.0
MEMORY_MS: Final = 4000.0
"""The memory grows by 640 MiB a second, and a worker may have 1 GiB."""
HUNG_MS: Final = 10_000.0
DEADLINES: Final = Deadlines(NS_PER_S)
Break = Callable[[int], None]


def kill(pid: int) -> None:
    """End it at once, as the system does when memory is short."""
    os.kill(pid, signal.SIGKILL)


def stop(pid: int) -> None:
    """Let it hang."""
    os.kill(pid, signal.SIGSTOP)


def crash(pid: int) -> None:
    """A write to address 0 in native code."""
    os.kill(pid, signal.SIGSEGV)


def blow_up(pid: int) -> None:
    """Let it take more and more memory; see `hooks`."""
    os.kill(pid, signal.SIGUSR1)


def broken(rig: Rig, worker: str, how: Break) -> Outcome:
    """Break a worker under a session, and watch it come back."""
    rig.turns.wait(worker, MOST_DEATHS)
    person = rig.play()
    try:
        return _watched(rig, person, worker, how)
    finally:
        person.stop()


def back_again(worker: str) -> Callable[[Event], bool]:
    """Finds what shows that a worker that was replaced does its work.

    A window reaches back for seconds, so that what is measured in one may be older than the death.
    """
    match worker:
        case "face" | "audio" | "text":
            return used(worker)
        case _:
            return reads("audio")


def ended_ns(pid: int, how: Break) -> int:
    """Break a process and wait until the system says that it has ended: when, monotonic clock."""
    watched = os.pidfd_open(pid)
    try:
        how(pid)
        select.select([watched], [], [], PATIENCE_S)
        return time.monotonic_ns()
    finally:
        os.close(watched)


def broken_ns(pid: int, how: Break) -> int:
    """Break a process that goes on for a while: when, monotonic clock."""
    how(pid)
    return time.monotonic_ns()


def _watched(rig: Rig, person: Person, worker: str, how: Break) -> Outcome:
    assert person.wait(reads("audio")), "no voice is read"
    assert person.wait(reads("face")), "no face is read"
    old = rig.pid(worker)
    assert old is not None
    since_ns, outcome = time.monotonic_ns(), Outcome()
    # Taking a large process apart takes the system a while; before that nobody can know.
    dead_ns = ended_ns(old, how) if how in (kill, crash) else broken_ns(old, how)
    told = person.wait(error_of(worker), since_ns)
    rig.turns.died(worker)
    if told is not None:
        outcome.detected_ms = max(0.0, (told.at_ns - dead_ns) / NS_PER_MS)
    respawned_ms = rig.respawned_ms(worker, old, since_ns)
    if told is not None and respawned_ms is not None:
        outcome.recovered_ms = respawned_ms - (told.at_ns - since_ns) / NS_PER_MS
    again = person.wait(back_again(worker), time.monotonic_ns())
    now_ns = time.monotonic_ns()
    outcome.gap_hops = person.gap_hops(since_ns, now_ns)
    found = "never" if again is None else f"{(again.at_ns - since_ns) / NS_PER_MS:.0f} ms in all"
    outcome.check("it is used again", again is not None, found)
    outcome.check("no window is missing", person.missing() == 0, person.missing())
    outcome.check("the old process is gone", not alive(old))
    return outcome


def _add(worker: str, name: str, how: Break, detect_ms: float, row: int = 20) -> None:
    replaced_ms = REPLACED_MS if how is kill else AGAIN_MS

    @fault(row, name, "P", detect_ms=detect_ms, recover_ms=replaced_ms, gap_hops=2)
    def run(setting: Setting) -> Outcome:
        return broken(setting.rig(), worker, how)


# Each worker's turns lie apart, so that few have to wait for theirs.
for _worker in WORKERS:
    _add(_worker, f"{_worker}-killed", kill, NOTICED_MS)
for _worker in WORKERS:
    _add(_worker, f"{_worker}-hangs", stop, HUNG_MS, 17 if _worker == "text" else 20)


@fault(20, "worker-fails-to-load", "P", detect_ms=10_000)
def worker_fails_to_load(setting: Setting) -> Outcome:
    """A worker whose weights are gone says so in one line and ends by itself."""
    outcome = Outcome()
    with _supervised(setting.folder) as worker:
        began_s = time.monotonic()
        worker.start()
        while worker.process.exit_code() is None and time.monotonic() - began_s < PATIENCE_S:
            time.sleep(0.01)
        outcome.detected_ms = (time.monotonic() - began_s) * 1000
        death = worker.check(0)
        detail = "" if death is None else death.detail
        outcome.check("it names the file", "manifest.json" in detail, detail)
    return outcome


@fault(20, "worker-hangs-at-start", "P", detect_ms=2000)
def worker_hangs_at_start(setting: Setting) -> Outcome:
    """A worker stops before it has loaded, when it gives no signs of life yet."""
    outcome = Outcome()
    with _supervised(setting.folder) as worker:
        worker.start()
        pid = worker.process.pid
        assert pid is not None
        since_ns, death = broken_ns(pid, stop), None
        while death is None and time.monotonic_ns() - since_ns < PATIENCE_S * NS_PER_S:
            time.sleep(0.01)
            death = worker.check(time.monotonic_ns())
        outcome.detected_ms = (time.monotonic_ns() - since_ns) / NS_PER_MS
        outcome.check("it is ended", death is not None and not alive(pid))
        detail = "" if death is None else death.detail
        outcome.check("it is said to have hung", "hung while it loaded" in detail, detail)
    return outcome


@fault(21, "crash-loop", "P")
def crash_loop(setting: Setting) -> Outcome:
    """A worker dies at every start: it waits 1, 2, 4, 8 s, and stays down after the fifth."""
    outcome, waits, now_ns = Outcome(), [], 0
    permanent = False
    with _supervised(setting.folder) as worker:
        worker.start()
        for _ in range(5):
            pid = worker.process.pid
            if pid is not None:
                kill(pid)
            while worker.process.exit_code() is None:
                time.sleep(0.002)
            death = worker.check(now_ns)
            assert death is not None
            permanent = death.permanent
            begin_ns = now_ns
            while not permanent and not worker.revive(now_ns):
                now_ns += 10 * NS_PER_MS
            waits.append(round((now_ns - begin_ns) / NS_PER_S, 2))
        outcome.check("back-off of 1, 2, 4 and 8 s", waits[:4] == [1, 2, 4, 8], waits[:4])
        outcome.check("the fifth death in a minute opens the breaker", permanent)
        late = worker.revive(now_ns + 3600 * NS_PER_S)
        outcome.check("it stays down after that", not late)
    return outcome


@fault(16, "words-slow", "P", detect_ms=5000, recover_ms=4000, gap_hops=2)
def words_slow(setting: Setting) -> Outcome:
    """Speech to text gets a tenth of the time that it needs."""
    rig = setting.rig()
    person, pid = rig.play(), rig.pid("text")
    assert pid is not None
    assert person.wait(reads("audio"))
    assert person.wait(used("text"))
    since_ns = time.monotonic_ns()
    outcome = Outcome()
    while time.monotonic_ns() - since_ns < SLOW_S * 1e9:
        # Each makes it sleep for most of a second; it goes on giving signs of life.
        os.kill(pid, signal.SIGUSR2)
        time.sleep(0.95)
    outcome.detected_ms = person.waited_ms(changes("text", "degraded", "lost"), since_ns, 0.1)
    end_ns = time.monotonic_ns()
    outcome.recovered_ms = person.waited_ms(used("text"), end_ns)
    outcome.gap_hops = person.gap_hops(since_ns, end_ns)
    other = [m for m in person.events if m.at_ns > since_ns and changes("audio", "lost")(m.event)]
    outcome.check("voice and face go on", not other, len(other))
    outcome.check("it is not taken for hung", rig.pid("text") == pid)
    person.stop()
    return outcome


_add("audio", "audio-takes-all-memory", blow_up, MEMORY_MS)
_add("face", "face-segfault", crash, NOTICED_MS, 22)


class _supervised:
    """A worker under supervision whose weights are missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Supervised:
        self._bus = bus_place()
        place = self._bus.__enter__()
        settings = Settings(asr="off", weights=self._folder / "none")
        job = on_bus(Job(settings=settings, live=1), place, "face")
        job = job.model_copy(update={"listen": place.endpoint("to-face")})
        process = WorkerProcess("face", self._folder)
        self._worker = Supervised(process, job, RestartRule(), Care(DEADLINES))
        return self._worker

    def __exit__(self, *_error: object) -> None:
        self._worker.process.close()
        self._bus.__exit__(None, None, None)
