"""How long each step of a live result takes, and what it costs: `tacit bench live`."""

import os
import resource
import statistics
import threading
import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from ..stream.player import FilePlayer
from .bench import machine
from .config import Settings
from .events import Event, MeasurementResult, SessionClosed
from .live.engine import LiveEngine, Opening
from .live.trace import HOPS

WHOLE: Final = "capture_to_result"
DELIVER: Final = "deliver"
WARM_UP_MS: Final = 3000
"""Results before this are left out: windows are still filling, and caches too."""
EDGES_MS: Final = (0, 1, 2, 5, 10, 20, 50, 100, 150, 200, 300, 500, 1000)
CLOSE_S: Final = 10.0
MOST_GAP: Final = 0.05
"""Largest share by which the steps' sum may miss the whole."""


class _Collector:
    """Takes events with the time at which they were delivered."""

    def __init__(self) -> None:
        self.results: list[tuple[MeasurementResult, int]] = []
        self.closed = threading.Event()

    def events(self, session_id: str, events: list[Event]) -> None:
        now_ns = time.monotonic_ns()
        for event in events:
            if isinstance(event, MeasurementResult):
                self.results.append((event, now_ns))
            elif isinstance(event, SessionClosed):
                self.closed.set()

    def views(self, session_id: str, views: list[dict[str, Any]]) -> None:
        """Not measured."""


def bench_live(media: Path, settings: Settings, seconds: float) -> dict[str, Any]:
    """Play a recording at its own speed into a live session, and follow every result.

    Args:
        media: the recording; it is played again and again.
        settings: of the run.
        seconds: how long.

    Returns:
        a histogram and figures for each step, for their sum and for the whole from the end of a
        window to the delivery of its event; how evenly results come; processor use.
    """
    collector = _Collector()
    engine = LiveEngine(settings, collector, most=1)
    engine.start()
    try:
        began_s = time.monotonic()
        engine.wait_ready()
        ready_s = time.monotonic() - began_s
        before_s, begin_s = _cpu_s(engine.worker_pids().values()), time.monotonic()
        handle = engine.open(Opening(source=media.name, views=False))
        player = FilePlayer(media, handle, loop=True)
        player.start()
        time.sleep(seconds)
        after_s, took_s = _cpu_s(engine.worker_pids().values()), time.monotonic() - begin_s
        player.stop()
        anchor_ns = handle.clock.anchor_ns
        handle.end("end")
        collector.closed.wait(CLOSE_S)
    finally:
        engine.close()
    used = None if before_s is None or after_s is None else (after_s - before_s) / took_s
    rows = [_row(event, at_ns - anchor_ns) for event, at_ns in collector.results]
    warm = [row for row in rows if row["end_ms"] > WARM_UP_MS]
    report = summarize(warm)
    return {
        "bench": "live",
        "media": media.name,
        "seconds": seconds,
        "load_s": round(ready_s, 2),
        **report,
        "first_result_ms": round(rows[0]["delivered_ms"], 1) if rows else None,
        "machine": machine(settings),
        "cores": None if used is None else round(used, 3),
    }


def summarize(rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Figures of the results of one run.

    Args:
        rows: per result the ms of each step, of the whole, when its window ended and when it came.
    """
    if not rows:
        return {"results": 0, "steps": {}, "whole": None, "sum_matches": False}
    steps = {hop: describe([row[hop] for row in rows]) for hop in (*HOPS, DELIVER)}
    whole = describe([row["whole"] for row in rows])
    total = sum(step["mean_ms"] for step in steps.values())
    gaps = [b["delivered_ms"] - a["delivered_ms"] for a, b in pairwise(rows)]
    gap = abs(total - whole["mean_ms"]) / whole["mean_ms"]
    return {
        "results": len(rows),
        "steps": steps,
        "whole": whole,
        "sum_of_steps_ms": round(total, 3),
        "sum_matches": gap <= MOST_GAP,
        "window_close_to_event": describe(
            [row["queue"] + row["predict"] + row["publish"] + row[DELIVER] for row in rows]
        ),
        "beyond_settling": describe([row["whole"] - row["settle"] for row in rows]),
        "interval": describe(gaps) if gaps else None,
    }


def describe(values_ms: Iterable[float]) -> dict[str, Any]:
    """Mean, percentiles and histogram of times.

    Args:
        values_ms: at least one.
    """
    values = sorted(values_ms)
    counts = [
        sum(low <= value < high for value in values)
        for low, high in pairwise((*EDGES_MS, float("inf")))
    ]
    return {
        "mean_ms": round(statistics.fmean(values), 3),
        "p50_ms": round(_percentile(values, 0.50), 3),
        "p95_ms": round(_percentile(values, 0.95), 3),
        "max_ms": round(values[-1], 3),
        "histogram": {"from_ms": list(EDGES_MS), "count": counts},
    }


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _row(event: MeasurementResult, delivered_ns: int) -> dict[str, float]:
    """One result: its steps, then from its event to the reader, and the whole, measured apart."""
    whole_ms = delivered_ns / 1e6 - event.window.end_ms
    row = {hop: event.latency_ms.get(hop, 0.0) for hop in HOPS}
    row[DELIVER] = whole_ms - event.latency_ms[WHOLE]
    return {
        **row,
        "whole": whole_ms,
        "end_ms": float(event.window.end_ms),
        "delivered_ms": delivered_ns / 1e6,
    }


def _cpu_s(workers: Iterable[int | None]) -> float | None:
    """Processor time so far of this process and some others; None where that cannot be known."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    total = own.ru_utime + own.ru_stime
    for pid in workers:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return None
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total
