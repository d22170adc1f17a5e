"""Measures speed: `tacit bench`. Figures are ratios and medians of runs side by side."""

import datetime
import os
import platform
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from .config import Settings
from .plan import ReplayRequest
from .runner import replay


def bench_replay(media: Path, settings: Settings, repeats: int) -> dict[str, Any]:
    """Replay one recording several times, in processes and inline.

    Args:
        media: the recording.
        settings: of the run.
        repeats: runs of each kind; they alternate, so that both see the same machine.

    Returns:
        per kind: start-up time (until the first event), time from there to the last event, and
        how many times faster than real time that is; medians, with the machine and the date.
    """
    request = ReplayRequest(media, settings)
    runs: dict[str, list[tuple[float, float]]] = {"processes": [], "inline": []}
    duration_s = 0.0
    for _ in range(repeats):
        for kind, found in runs.items():
            took, duration_s = _timed(replace(request, inline=kind == "inline"))
            found.append(took)
    return {
        "bench": "replay",
        "media": media.name,
        "media_s": duration_s,
        "repeats": repeats,
        "results": {kind: _summary(found, duration_s) for kind, found in runs.items()},
        "machine": machine(settings),
    }


def machine(settings: Settings) -> dict[str, Any]:
    """Where and when a figure was measured."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads_per_process": settings.threads,
        "python": platform.python_version(),
        "system": platform.system(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _timed(request: ReplayRequest) -> tuple[tuple[float, float], float]:
    began = time.perf_counter()
    first = began
    with replay(request) as session:
        for count, _ in enumerate(session):
            if count == 0:
                first = time.perf_counter()
        last = time.perf_counter()
        duration_s = session.duration_ms / 1000
    return (first - began, last - first), duration_s


def _summary(found: list[tuple[float, float]], duration_s: float) -> dict[str, float]:
    start_s = statistics.median(start for start, _ in found)
    read_s = statistics.median(read for _, read in found)
    return {
        "start_s": round(start_s, 3),
        "read_s": round(read_s, 3),
        "times_real_time": round(duration_s / read_s, 2),
    }
