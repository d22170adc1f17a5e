"""Every worker killed, stopped and starved of memory under a running session, in random order."""

import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tacit.pipeline.server.run import give_back_memory
from tacit.stream.packet import NS_PER_MS, NS_PER_S
from tools.fault_rows.rig import Person, Rig, alive, is_result, resident_mib
from tools.fault_rows.workers import WORKERS, Break, back_again, blow_up, kill, stop

WAYS: Final[dict[str, Break]] = {"killed": kill, "stopped": stop, "out of memory": blow_up}
PATIENCE_S: Final = 90.0
MOST_GAP_HOPS: Final = 2.0
MOST_GROWN_MIB: Final = 60.0
KEPT_NS: Final = 10 * NS_PER_S
"""How long events are kept by whoever looks at them; a gap is looked for since its incident."""
MOST_DEATHS: Final = 4
"""With the fifth of one worker within a minute it stays down, as it should."""


def run_campaign(
    folder: Path,
    times: int,
    seed: int,
    say: Callable[[str], None],
    workers: Sequence[str] = WORKERS,
) -> dict[str, Any]:
    """Break each worker in each way so many times.

    Args:
        folder: for the speech model.
        times: how often each.
        seed: chooses the order.
        say: told each incident in one line.
        workers: which of them.

    Returns:
        "summary" with what has to hold, and "incidents".
    """
    plan = [(worker, way) for worker in workers for way in WAYS] * times
    random.Random(seed).shuffle(plan)
    rig = Rig(folder, words="text" in workers)
    person = rig.play()
    assert person.wait(is_result, 0, PATIENCE_S) is not None
    before = _held()
    incidents, pids = [], set(_pids(rig))
    for worker, way in plan:
        rig.turns.wait(worker, MOST_DEATHS)
        incident = _break(rig, person, worker, way)
        rig.turns.died(worker)
        pids |= set(_pids(rig))
        incidents.append(incident)
        person.forget(time.monotonic_ns() - KEPT_NS)
        say(
            f"{len(incidents):>3}/{len(plan)} {worker} {way}: back after "
            f"{incident['back_ms']} ms, gap {incident['gap_hops']} hops, {incident['mib']:.0f} MiB"
        )
    after = _held()
    missing = person.missing()
    person.stop()
    rig.close()
    time.sleep(0.5)
    orphans = [pid for pid in pids if alive(pid)]
    grown = {name: round(after[name] - before[name], 1) for name in after}
    summary = _summary(incidents, missing, len(orphans), grown)
    return {"summary": summary, "seed": seed, "times": times, "incidents": incidents}


def _summary(
    incidents: list[dict[str, Any]], missing: int, orphans: int, grown: dict[str, float]
) -> dict[str, Any]:
    """What has to hold."""
    gaps = [i["gap_hops"] for i in incidents if i["gap_hops"] is not None]
    never = sum(i["back_ms"] is None for i in incidents)
    held = grown["mib"] <= MOST_GROWN_MIB and grown["descriptors"] <= 4 and grown["threads"] <= 2
    return {
        "incidents": len(incidents),
        "never_back": never,
        "windows_missing": missing,
        "worst_gap_hops": max(gaps, default=None),
        "orphans": orphans,
        "grown": grown,
        "passed": not (never or missing or orphans)
        and max(gaps, default=0.0) <= MOST_GAP_HOPS
        and held,
    }


def _break(rig: Rig, person: Person, worker: str, way: str) -> dict[str, Any]:
    old = rig.pid(worker)
    assert old is not None
    since_ns = time.monotonic_ns()
    WAYS[way](old)
    respawned_ms = rig.respawned_ms(worker, old, since_ns)
    back = None
    if respawned_ms is not None:
        back = person.wait(back_again(worker), time.monotonic_ns(), PATIENCE_S)
    gap = person.gap_hops(since_ns, time.monotonic_ns())
    return {
        "worker": worker,
        "way": way,
        "respawned_ms": None if respawned_ms is None else round(respawned_ms),
        "back_ms": None if back is None else round((back.at_ns - since_ns) / NS_PER_MS),
        "gap_hops": None if gap is None else round(gap, 2),
        "mib": round(resident_mib(), 1),
    }


def _pids(rig: Rig) -> list[int]:
    return [pid for pid in rig.engine.worker_pids().values() if pid is not None]


def _held() -> dict[str, float]:
    give_back_memory()  # as a server does twice a minute; what stays is held
    return {
        "mib": resident_mib(),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
    }
