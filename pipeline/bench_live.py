"""How long each step of a live result takes, and what it costs: `tacit bench live`."""

import os
import queue
import resource
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from ..stream.packet import NS_PER_MS
from ..stream.player import FilePlayer
from .bench import machine
from .config import Settings
from .events import Event, MeasurementResult, SessionClosed
from .live.engine import LiveEngine, Opening
from .live.handle import LiveHandle
from .live.loop import SOURCES
from .live.trace import HOPS

DELIVER: Final = "deliver"
WARM_UP_MS: Final = 3000
"""Results before this are left out: windows are still filling, and caches too."""
EDGES_MS: Final = (0, 1, 2, 5, 10, 20, 50, 100, 150, 200, 300, 500, 1000)
CLOSE_S: Final = 10.0
MOST_GAP: Final = 0.05
"""Largest share by which the steps' sum may miss the whole."""
BUDGET: Final = (
    ("window close to event, median, ms", "window_close_to_event.p50_ms", 60),
    ("window close to event, 95 of 100, ms", "window_close_to_event.p95_ms", 150),
    ("capture to event, 95 of 100, ms", "beyond_settling.p95_ms", 300),
    ("first result, ms", "first_result_ms", 4000),
    ("processor cores", "cores", 1.2),
)
"""What is promised on two cores: what it is called, where the report has it, and the most."""


class _Reader:
    """Takes results as a program does that reads them: in a thread of its own, through a queue."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.anchor_ns = 0
        self._queue: queue.SimpleQueue[tuple[Event, int]] = queue.SimpleQueue()

    def events(self, session_id: str, events: list[Event]) -> None:
        """Called by the engine: they are made, and given on."""
        told_ns = time.monotonic_ns()
        for event in events:
            self._queue.put((event, told_ns))

    def views(self, session_id: str, views: list[dict[str, Any]]) -> None:
        """Not measured."""

    def read(self, until_s: float) -> None:
        """Take events until a time, monotonic, or until the session has ended."""
        while (left_s := until_s - time.monotonic()) > 0:
            try:
                event, told_ns = self._queue.get(timeout=left_s)
            except queue.Empty:
                return
            taken_ns = time.monotonic_ns()
            if isinstance(event, MeasurementResult):
                self.rows.append(self._row(event, told_ns, taken_ns))
            elif isinstance(event, SessionClosed):
                return

    def _row(self, event: MeasurementResult, told_ns: int, taken_ns: int) -> dict[str, float]:
        """One result: its steps, and the whole, which is measured apart from them."""
        delivered_ms = (taken_ns - self.anchor_ns) / NS_PER_MS
        return {
            **{hop: event.latency_ms.get(hop, 0.0) for hop in HOPS},
            DELIVER: (taken_ns - told_ns) / NS_PER_MS,
            "whole": delivered_ms - event.window.end_ms,
            "end_ms": float(event.window.end_ms),
            "delivered_ms": delivered_ms,
            **{m: float(event.modalities[m].source == "measured") for m in SOURCES},
        }


def bench_live(media: Path, settings: Settings, seconds: float) -> dict[str, Any]:
    """Play a recording at its own speed into a live session, and follow every result.

    Args:
        media: the recording; it is played again and again.
        settings: of the run.
        seconds: how long.

    Returns:
        a histogram and figures for each step, for their sum and for the whole from the end of a
        window to the delivery of its event; how evenly results come; processor use by process;
        and the budget, each line with what was measured.
    """
    reader = _Reader()
    engine = LiveEngine(settings, reader, most=1)
    engine.start()
    try:
        began_s = time.monotonic()
        engine.wait_ready()
        ready_s = time.monotonic() - began_s
        before, begin_s = _cpu_s(engine.worker_pids()), time.monotonic()
        handle = engine.open(Opening(source=media.name, views=False))
        reader.anchor_ns = handle.clock.anchor_ns
        player = FilePlayer(media, handle, loop=True)
        player.start()
        reader.read(begin_s + seconds)
        after, took_s = _cpu_s(engine.worker_pids()), time.monotonic() - begin_s
        lost = _lost(engine, handle)
        player.stop()
        handle.end("end")
        reader.read(time.monotonic() + CLOSE_S)
    finally:
        engine.close()
    cores = {name: round((after[name] - before[name]) / took_s, 3) for name in after if before}
    rows = reader.rows
    report = {
        "bench": "live",
        "media": media.name,
        "seconds": seconds,
        "load_s": round(ready_s, 2),
        **summarize([row for row in rows if row["end_ms"] > WARM_UP_MS]),
        "lost_share": lost,
        "first_result_ms": round(rows[0]["delivered_ms"], 1) if rows else None,
        "machine": machine(settings),
        "cores": round(sum(cores.values()), 3) if cores else None,
        "cores_by_process": cores,
    }
    return {**report, "budget": budget(report)}


def budget(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a live session may take on two processor cores without speech to text, and what it took.

    Args:
        report: of a run; figures that it lacks are not met.
    """
    lines = []
    for name, path, most in BUDGET:
        value: Any = report
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        met = value is not None and value <= most
        lines.append({"what": name, "value": value, "most": most, "met": met})
    return lines


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
        "measured_share": {m: round(statistics.fmean(r[m] for r in rows), 3) for m in SOURCES},
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


def _lost(engine: LiveEngine, handle: LiveHandle) -> dict[str, float]:
    """Share of the pieces of each stream that came too fast to be read."""
    counts = engine.ask(handle.session_id, lambda session: dict(session.counts)).result(CLOSE_S)
    found: dict[str, float] = {}
    for modality, channel in handle.statistics().items():
        lost = sum(channel.dropped.values()) + sum(counts[modality].dropped.values())
        found[modality] = round(lost / max(1, channel.offered), 4)
    return found


def _cpu_s(workers: Mapping[str, int | None]) -> dict[str, float]:
    """Processor time so far of this process and of its workers; empty where that isn't known."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    found = {"session": own.ru_utime + own.ru_stime}
    for name, pid in workers.items():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return {}
        found[name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found
