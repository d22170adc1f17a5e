"""Rows 32, 41, 42, 44, 46 and 47: the machine is busy, stuck, full, or ends the program."""

import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import aiohttp

from tacit.models.features import Modality
from tacit.pipeline.faults.outcome import Outcome
from tacit.stream.packet import NS_PER_MS
from tools.fault_rows.registry import Setting, fault
from tools.fault_rows.rig import (
    PATIENCE_S,
    Person,
    alive,
    changes,
    is_result,
    reads,
    resident_mib,
)
from tools.fault_rows.server import Server, call

STALL_S: Final = 10.0
LOOP_STALL_S: Final = 0.5
BUSY_S: Final = 10.0
STOPPED_MS: Final = 5000.0
LOGGED: Final = 5000
SAMPLE: Final = json.dumps({"source": "sample"})
_ADDRESS: Final = re.compile(r"https?://[^\s/?]+")


@fault(32, "stages-stall", "P", recover_ms=2000)
def stages_stall(setting: Setting) -> Outcome:
    """Whatever takes media stands still for ten seconds; media go on coming."""
    rig = setting.rig()
    # Decoders keep memory of their own; here only what waits is to be seen.
    person = rig.play(decoded=True)
    assert person.wait(reads("face"))
    assert person.wait(reads("audio"))
    stalled = rig.engine.ask(person.session_id, lambda _s: time.sleep(STALL_S))
    # What may wait has filled up after two seconds; from then on nothing may grow.
    time.sleep(2.0)
    before_mib = most_mib = resident_mib()
    while not stalled.done():
        most_mib = max(most_mib, resident_mib())
        time.sleep(0.1)
    since_ns = time.monotonic_ns()
    outcome = Outcome(recovered_ms=person.waited_ms(is_result, since_ns))
    grown = most_mib - before_mib
    outcome.check("memory is flat", grown < 30, f"{grown:.1f} MiB more")
    counted = person.dropped()
    outcome.drops = counted
    outcome.check("what was lost is counted", counted.get("overflow", 0) > 300, counted)
    person.stop()
    return outcome


@fault(41, "cpu-starved", "P", gap_hops=2)
def cpu_starved(setting: Setting) -> Outcome:
    """Twice as many busy programs as there are cores, at nice 10, for ten seconds."""
    rig = setting.rig()
    person = rig.play()
    assert person.wait(reads("face"))
    assert person.wait(reads("audio"))
    loop = "import os\nos.nice(10)\nwhile True: pass"
    cores = len(os.sched_getaffinity(0))
    since_ns = time.monotonic_ns()
    busy = [subprocess.Popen([sys.executable, "-c", loop]) for _ in range(2 * cores)]
    try:
        time.sleep(BUSY_S)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    outcome = Outcome(gap_hops=person.gap_hops(since_ns, time.monotonic_ns()))
    lost = _lost(person, since_ns)
    outcome.check("no sensor counts as lost", not lost, lost)
    outcome.check("no window is missing", person.missing() == 0, person.missing())
    person.stop()
    return outcome


@fault(42, "loop-stalls", "P", detect_ms=600)
def loop_stalls(setting: Setting) -> Outcome:
    """A callback on the server's event loop takes half a second, and one on the engine's thread."""
    rig = setting.rig()
    server, person = rig.server, rig.play()
    assert person.wait(reads("face"))
    assert person.wait(reads("audio"))
    since_ns, outcome = time.monotonic_ns(), Outcome()
    server.loop.call_soon_threadsafe(time.sleep, LOOP_STALL_S)
    while time.monotonic_ns() - since_ns < 5e9:
        if server.ask(_lag_s(server)) > LOOP_STALL_S / 2:
            outcome.detected_ms = (time.monotonic_ns() - since_ns) / NS_PER_MS
            break
        time.sleep(0.005)
    rig.engine.ask(person.session_id, lambda _s: time.sleep(LOOP_STALL_S)).result(PATIENCE_S)
    time.sleep(2.0)
    lost = _lost(person, since_ns)
    outcome.check("no sensor counts as lost", not lost, lost)
    person.stop()
    return outcome


async def _lag_s(server: Server) -> float:
    """What the server says of its event loop, in the figures for Prometheus."""
    lines = server.desk.telemetry.text().decode().splitlines()
    return float(next(x for x in lines if x.startswith("tacit_loop_lag")).split()[1])


def _lost(person: Person, since_ns: int) -> list[str]:
    """Sensors that were said to be lost since a moment."""
    both: tuple[Modality, Modality] = ("audio", "face")
    return [
        modality
        for m in person.events
        for modality in both
        if m.at_ns > since_ns and changes(modality, "lost")(m.event)
    ]


@fault(44, "log-blocked", "P")
def log_blocked(_setting: Setting) -> Outcome:
    """Standard error is a pipe that nobody reads, and the server has much to say."""
    program = (
        "import logging, time\n"
        "from tacit.pipeline.quiet_log import log_beside\n"
        "handler, longest = log_beside(), 0.0\n"
        f"for k in range({LOGGED}):\n"
        "    began = time.monotonic()\n"
        "    logging.getLogger('t').warning('%d %s', k, 'x' * 200)\n"
        "    longest = max(longest, time.monotonic() - began)\n"
        "print(handler.lost, longest, flush=True)\n"
    )
    outcome = Outcome()
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lost, longest = process.stdout.readline().split()
        process.kill()
    outcome.drops = {"log full": int(lost)}
    found = f"at most {float(longest) * 1000:.1f} ms a line, {LOGGED} lines"
    outcome.check("nobody waits for the log", float(longest) < 0.1, found)
    return outcome


@contextmanager
def served() -> "Iterator[tuple[subprocess.Popen[str], list[int]]]":
    """`tacit serve` as people start it, and its worker processes."""
    command = [sys.executable, "-m", "tacit.pipeline.cli", "serve", "--port", "0", "--asr", "off"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"},
    )
    try:
        assert process.stdout is not None
        found = _ADDRESS.search(process.stdout.readline())
        assert found, "the server did not say where it listens"
        deadline_s = time.monotonic() + 240
        while asyncio.run(call("GET", f"{found.group()}/ready"))[0] != 200:
            assert time.monotonic() < deadline_s, "the server did not load its models"
            time.sleep(0.2)
        yield process, children(process.pid)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(word) for word in listed.read_text().split()]
    return found


def _stopped(*signals: signal.Signals) -> Outcome:
    outcome = Outcome()
    with served() as (process, workers):
        outcome.check("it had workers", len(workers) >= 3, len(workers))
        began_s = time.monotonic()
        for number in signals:
            process.send_signal(number)
            time.sleep(0.05)
        process.wait(60)
        ended_s = time.monotonic()
        while any(alive(pid) for pid in workers) and time.monotonic() - began_s < 30:
            time.sleep(0.01)
        outcome.recovered_ms = (time.monotonic() - began_s) * 1000
        left = [pid for pid in workers if alive(pid)]
        outcome.check("no worker is left", not left, left)
        found = f"exit code {process.returncode} after {ended_s - began_s:.1f} s"
        outcome.check("it ends", process.returncode is not None, found)
    return outcome


@fault(46, "server-terminated", "P", recover_ms=STOPPED_MS)
def server_terminated(_setting: Setting) -> Outcome:
    """SIGTERM, as a service manager sends it."""
    return _stopped(signal.SIGTERM)


@fault(46, "server-interrupted-twice", "P", recover_ms=STOPPED_MS)
def server_interrupted_twice(_setting: Setting) -> Outcome:
    """Ctrl-C, and once more."""
    return _stopped(signal.SIGINT, signal.SIGINT)


@fault(46, "server-killed", "P", recover_ms=STOPPED_MS)
def server_killed(_setting: Setting) -> Outcome:
    """Kill -9 of the parent: its workers end by themselves."""
    return _stopped(signal.SIGKILL)


@fault(47, "descriptors-run-out", "P", gap_hops=2)
def descriptors_run_out(setting: Setting) -> Outcome:
    """The process may open no more files; a session runs, others are asked for."""
    rig = setting.rig()
    server, person = rig.server, rig.play()
    assert person.wait(reads("audio"))
    since_ns = time.monotonic_ns()
    statuses = server.ask(_asked_without_descriptors(server.url))
    outcome = Outcome()
    refused = all(status >= 400 for status in statuses)
    outcome.check("new sessions are refused in words", refused, statuses)
    later = person.wait(is_result, time.monotonic_ns() + 1_000_000_000)
    outcome.check("the session goes on", later is not None)
    outcome.gap_hops = person.gap_hops(since_ns, time.monotonic_ns())
    deadline_s = time.monotonic() + 70
    while (status := server.ask(_asked(server.url))) != 201 and time.monotonic() < deadline_s:
        time.sleep(0.2)
    outcome.check("afterwards there is room again", status == 201, status)

    async def stop_all() -> None:
        for one in server.desk.book.live:
            await server.desk.stop(one)

    server.ask(stop_all())
    person.stop()
    return outcome


@contextmanager
def few_descriptors() -> Iterator[list[int]]:
    """Use up all file descriptors; gives those that are held, to be closed one by one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 4, hard))
    held = [os.open(os.devnull, os.O_RDONLY)]
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.dup(held[0]))
        yield held
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)


async def _asked(url: str) -> int:
    """Status of a request for a session."""
    status, _ = await call("POST", f"{url}/api/sessions", data=SAMPLE)
    return status


async def _asked_without_descriptors(url: str) -> list[int]:
    """Statuses of requests over a connection that was open before."""
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{url}/health") as answer:
            await answer.read()
        with few_descriptors():
            statuses = []
            for _ in range(3):
                async with http.post(f"{url}/api/sessions", data=SAMPLE) as answer:
                    await answer.read()
                    statuses.append(answer.status)
        return statuses
