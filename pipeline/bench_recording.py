"""Measures recorded sessions, for `tacit bench replay`.

A real recording is read once. What its sources gave is then repeated until the session is as long
as asked, and goes through hub, recognizer and recorder as in a session of that length.
"""

import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ..stream.packet import NS_PER_MS, NS_PER_S, Packet
from ..stream.recording import Entry
from ..stream.recording_reader import RecordingReader
from .config import Settings
from .intake import Intake, SessionSetup
from .job import Job
from .plan import ReplayRequest
from .predictors import InlinePredictor
from .recorded import RecordedSession, read_facts
from .recorder import Recorder, RecordOptions
from .runner import replay
from .session_format import SessionFacts, is_input, unpack_input

_TIMES: Final = ("since_ns", "watermark_ns", "frames_ns")
_BIN_NS: Final = 250 * NS_PER_MS


def bench_recording(media: Path, settings: Settings, minutes: float) -> dict[str, Any]:
    """Record and replay a session made of one recording over and over.

    Args:
        media: the recording.
        settings: of the run.
        minutes: length of the session.

    Returns:
        size of the session file, speed of replay from features, and growth of memory of both.
    """
    with tempfile.TemporaryDirectory(prefix="tacit-bench-") as name:
        short, long = Path(name) / "short.mcap", Path(name) / "long.mcap"
        _record(media, settings, short)
        facts = read_facts(short)
        seconds = minutes * 60
        recorded = _lengthen(short, long, facts, settings, round(seconds * NS_PER_S))
        session = RecordedSession(long, InlinePredictor(Job(settings=settings)), settings)
        replayed = _timed(session)
        size = long.stat().st_size
        if not session.tail.complete:
            raise RuntimeError(f"the recording is not whole: {session.tail.problem}")
    return {
        "minutes": minutes,
        "file_bytes": size,
        "bytes_per_hour": round(size * 3600 / seconds),
        "recording_memory_growth_bytes": recorded["memory_growth_bytes"],
        "replay_times_real_time": round(seconds / replayed["took_s"], 1),
        "replay_times_processor_time": round(seconds / replayed["processor_s"], 1),
        "replay_memory_growth_bytes": replayed["memory_growth_bytes"],
        "events": replayed["events"],
    }


def as_markdown(report: dict[str, Any]) -> str:
    """A report of `tacit bench replay` as a table."""
    rows: dict[str, str] = {}
    for kind, found in report["results"].items():
        name = "worker processes" if kind == "processes" else "one process"
        rows[f"replay from media, {name}"] = f"{found['times_real_time']:.1f}x real time"
        rows[f"start, {name}"] = f"{found['start_s']:.1f} s"
    session = report.get("session")
    if session is not None:
        rows |= _session_rows(session)
    lines = ["| figure | value |", "|---|---|", *(f"| {k} | {v} |" for k, v in rows.items())]
    where = report["machine"]
    place = f"{where['cores']} cores, {where['processor']}, Python {where['python']}"
    runs = f"{report['media']}, medians of {report['repeats']} runs"
    return "\n".join([*lines, "", f"Measured on {where['date']} with {place}: {runs}."])


def _session_rows(found: dict[str, Any]) -> dict[str, str]:
    return {
        "length of the session made of it": f"{found['minutes']:g} min",
        "session file per hour, features only": _mb(found["bytes_per_hour"]),
        "replay from features": f"{found['replay_times_real_time']:.0f}x real time",
        "the same, per second of processor time": (
            f"{found['replay_times_processor_time']:.0f}x real time"
        ),
        "growth of memory while recording": _mb(found["recording_memory_growth_bytes"]),
        "growth of memory while replaying": _mb(found["replay_memory_growth_bytes"]),
    }


def _mb(count: float) -> str:
    return f"{count / 1e6:.0f} MB"


def _record(media: Path, settings: Settings, path: Path) -> None:
    recorder = Recorder(RecordOptions(path))
    try:
        with replay(ReplayRequest(media, settings, inline=True), recorder) as session:
            for _ in session:
                pass
    finally:
        recorder.close()


def _lengthen(
    short: Path, long: Path, facts: SessionFacts, settings: Settings, length_ns: int
) -> dict[str, float]:
    setup = SessionSetup("bench", facts.participant, facts.source, settings, facts.disabled)
    predictor = InlinePredictor(Job(settings=settings))
    identity = predictor.ready()
    recorder = Recorder(RecordOptions(long))
    recorder.begin(facts.model_copy(update={"session_id": "bench"}), None)
    intake = Intake(setup, identity, recorder)
    period_ns = max(facts.duration_ms * NS_PER_MS // _BIN_NS, 1) * _BIN_NS
    packets = [p for p in _packets(short) if p.t_end_ns <= period_ns]
    before = 0
    for packet in _repeat(packets, period_ns, length_ns):
        for number, job in intake.accept(packet):
            predictor.submit(number, job.closed.window)
        for number, prediction, took_ns in predictor.poll():
            intake.journal.answer(number, prediction, took_ns)
        for event in intake.journal.flush():
            recorder.event(event)
        # The first round loads and allocates what any session needs.
        before = before or (resident_bytes() if packet.t_available_ns > period_ns else 0)
    intake.finish()
    recorder.close()
    return {"memory_growth_bytes": max(0, resident_bytes() - (before or resident_bytes()))}


def _packets(path: Path) -> Iterator[Packet]:
    for record in RecordingReader(path):
        if isinstance(record, Entry) and is_input(record):
            found = unpack_input(record)
            if isinstance(found, Packet) and found.kind != "end":
                yield found


def _repeat(packets: list[Packet], period_ns: int, length_ns: int) -> Iterator[Packet]:
    for shift_ns in range(0, length_ns, period_ns):
        for packet in packets:
            if packet.t_available_ns + shift_ns <= length_ns:
                yield later(packet, shift_ns)


def later(packet: Packet, by_ns: int) -> Packet:
    """The same packet at a later time."""
    meta = dict(packet.meta)
    for name in _TIMES:
        value = meta.get(name)
        if isinstance(value, int):
            meta[name] = value + by_ns
    frame, words = meta.get("frame"), meta.get("words")
    if isinstance(frame, list):
        meta["frame"] = [frame[0] + by_ns, *frame[1:]]
    if isinstance(words, list):
        meta["words"] = [[text, a + by_ns, b + by_ns, p] for text, a, b, p in words]
    return replace(
        packet,
        t_capture_ns=packet.t_capture_ns + by_ns,
        t_available_ns=packet.t_available_ns + by_ns,
        meta=meta,
    )


def _timed(session: Iterable[object]) -> dict[str, float]:
    before, count = 0, 0
    began, processor = time.perf_counter(), time.process_time()
    for count, _ in enumerate(session, 1):
        if count == 1:
            began, processor = time.perf_counter(), time.process_time()
        elif count == 30:
            before = resident_bytes()
    took_s, processor_s = time.perf_counter() - began, time.process_time() - processor
    growth = max(0, resident_bytes() - before) if before else 0
    return {
        "took_s": took_s,
        "processor_s": processor_s,
        "events": count,
        "memory_growth_bytes": growth,
    }


def resident_bytes() -> int:
    """Memory that this process holds now; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
