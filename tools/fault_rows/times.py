"""Rows 11 to 15 and 19: clocks that drift, jump or begin anew, and data out of order or late."""

import itertools
import random
from typing import Final
from unittest import mock

import numpy as np

from tacit.models.features import FeatureFrame, Modality, TokenGrid
from tacit.pipeline.events import MeasurementResult
from tacit.pipeline.faults.judge import gap_hops, results_of
from tacit.pipeline.faults.outcome import Outcome
from tacit.pipeline.window import ClosedWindow, WindowConfig, Windower
from tacit.stream.arrival import ArrivalClock
from tacit.stream.clock import ClockMap
from tacit.stream.continuity import Continuity
from tacit.stream.packet import NS_PER_MS, NS_PER_S
from tacit.stream.wire import Stamp
from tools.fault_rows.pictures import TICK_MS
from tools.fault_rows.registry import Setting, fault
from tools.fault_rows.virtual import HOP_MS, VirtualGraph, spoil

STEP_NS: Final = 20 * NS_PER_MS
WARM_UP_NS: Final = 60 * NS_PER_S
DIMS: Final[dict[Modality, int]] = {"audio": 2, "face": 3, "text": 4}
SHUFFLES: Final = 80


@fault(11, "clocks-drift", "U", detect_ms=60_000)
def clocks_drift(_setting: Setting) -> Outcome:
    """Crystals 200 ppm too fast and too slow, 5 ms of jitter, for five minutes."""
    outcome = Outcome(detected_ms=0.0)
    for skew_ppm in (-200, 200):
        source = np.random.default_rng(7)
        clock, errors_ms, mapped, within = ClockMap(), [], [], 0
        for k in range(5 * 60 * 50):
            true_ns = k * STEP_NS
            remote_ns = 5_000 * NS_PER_S + round(true_ns * (1 - skew_ppm * 1e-6))
            delay_ns = 20 * NS_PER_MS + round(source.normal(0, 5) * NS_PER_MS)
            clock.observe(remote_ns, true_ns + max(0, delay_ns))
            mapped.append(clock.to_session(remote_ns))
            error_ms = abs(mapped[-1] - true_ns - 20 * NS_PER_MS) / NS_PER_MS
            if error_ms > 10:
                within = k + 1
            if true_ns >= WARM_UP_NS:
                errors_ms.append(error_ms)
        assert outcome.detected_ms is not None
        outcome.detected_ms = max(outcome.detected_ms, within * STEP_NS / NS_PER_MS)
        p99 = float(np.percentile(errors_ms, 99))
        outcome.check(f"skew at {skew_ppm} ppm is at most 10 ms", p99 <= 10, f"p99 {p99:.2f} ms")
        back = sum(b < a for a, b in itertools.pairwise(mapped))
        outcome.check(f"time never goes back at {skew_ppm} ppm", back == 0, back)
    return outcome


@fault(12, "wall-clock-jumps", "V", gap_hops=2)
def wall_clock_jumps(_setting: Setting) -> Outcome:
    """The time of day jumps by an hour, forward and back."""
    plain = _readings(VirtualGraph().run(6.0))
    graph = VirtualGraph()
    graph.run(2.0)
    for hours in (1, -1):
        with mock.patch("time.time", lambda h=hours: 1.8e9 + 3600 * h):
            graph.run(2.0)
    outcome = Outcome(gap_hops=gap_hops(graph.told, 500, 6000, HOP_MS))
    same = _readings(graph) == plain
    outcome.check("the results are those without the jump", same, f"{len(plain)} results")
    return outcome


@fault(12, "machine-suspended", "V", detect_ms=TICK_MS, recover_ms=2000)
def machine_suspended(_setting: Setting) -> Outcome:
    """The machine sleeps for a minute, and nothing was captured meanwhile."""
    graph = VirtualGraph().run(4.0)
    begin_ms = graph.now_ms
    graph.clock.advance(60 * NS_PER_S)
    woken_ms = graph.now_ms
    graph.run(4.0).close()
    outcome = Outcome(
        graph.detected_ms("face", woken_ms, state="lost"), graph.used_ms("face", woken_ms)
    )
    slept = [
        r for _, r in results_of(graph.told) if begin_ms + 3000 < r.window.end_ms < woken_ms - 1000
    ]
    empty = all(r.fused.abstained and r.fused.emotions is None for r in slept)
    outcome.check(
        "windows of the sleep are there and empty", len(slept) > 100 and empty, len(slept)
    )
    return outcome


@fault(13, "remote-clock-restarts", "U", detect_ms=20, recover_ms=8 * 20)
def remote_clock_restarts(_setting: Setting) -> Outcome:
    """The sender's clock begins anew at 0, as a peer's does that was started again."""
    clock, jitter = ArrivalClock(), random.Random(1)
    placed, arrivals = [], []
    for k in range(600):
        media_ns = 900 * NS_PER_S + k * STEP_NS if k < 300 else (k - 300) * STEP_NS
        arrived_ns = 30 * NS_PER_S + k * STEP_NS + jitter.randint(0, 5) * NS_PER_MS
        placed.append(clock.place(media_ns, arrived_ns))
        arrivals.append(arrived_ns)
    late = [abs(a - p) > 40 * NS_PER_MS for a, p in zip(arrivals, placed, strict=True)]
    outcome = Outcome(
        detected_ms=20.0 * (1 + sum(late[300:])),
        recovered_ms=20.0 * (1 + max((k for k in range(300) if late[300 + k]), default=0)),
    )
    outcome.check("no time is negative", min(placed) >= 0, min(placed))
    back = max((a - b) / NS_PER_MS for a, b in itertools.pairwise(placed))
    outcome.check("time goes back by no more than jitter", back <= 20, f"{back:.1f} ms")
    return outcome


@fault(14, "packets-shuffled", "U")
def packets_shuffled(_setting: Setting) -> Outcome:
    """Frames come in any order within their grace, some twice, some too late."""
    source, outcome = random.Random(4), Outcome()
    frames = [_frame(m, t) for m in ("audio", "face") for t in range(0, 6000, 40)]
    wanted = _windows(_windower(), [(f.t_ns + f.duration_ns, f) for f in frames])
    differing = 0
    late = twice = 0
    for _ in range(SHUFFLES):
        cut = _windower()
        arrivals = []
        for frame in frames:
            due_ns = frame.t_ns + frame.duration_ns
            arrivals.append((due_ns + source.randint(0, 200) * NS_PER_MS, frame))
            if source.random() < 0.1:
                arrivals.append((due_ns + source.randint(0, 200) * NS_PER_MS, frame))
        source.shuffle(arrivals)
        differing += _windows(cut, arrivals) != wanted
        late += cut.add(_frame("audio", 100)) == "late"
        twice += sum(s.dropped.get("duplicate", 0) for s in cut.statistics().values())
    outcome.drops = {"duplicate": twice, "late": late}
    outcome.check("windows are those of frames in order", differing == 0, f"{SHUFFLES} orders")
    outcome.check("what is too late is counted", late == SHUFFLES, late)
    seen = Continuity()
    numbers = [0, 1, 2, 2, 1, 5, 4, 6, 6]
    admitted = [n for n in numbers if seen.admit(Stamp("s", 0, n))]
    counts = seen.statistics()["s"]
    found = f"{admitted}, {counts.duplicates} repeated, {counts.missed} missed"
    outcome.check("replayed messages are refused and counted", admitted == [0, 1, 2, 5, 6], found)
    return outcome


@fault(15, "video-never-comes", "V", detect_ms=3000 + HOP_MS, recover_ms=HOP_MS, gap_hops=2)
def video_never_comes(_setting: Setting) -> Outcome:
    """The camera is on, but not one picture comes for five seconds."""
    graph = VirtualGraph()
    graph.picture, good = (lambda _t, _p: None), graph.picture
    graph.run(5.0)
    begun_ms = graph.now_ms
    graph.picture = good
    graph.run(2.0).close()
    outcome = Outcome(
        graph.detected_ms("face", 0, "no_data"),
        graph.used_ms("face", begun_ms),
        gap_hops(graph.told, HOP_MS, begun_ms, HOP_MS),
        graph.drops(),
    )
    waits = [at_ms - r.window.end_ms for at_ms, r in results_of(graph.told) if at_ms < begun_ms]
    found = f"at most {max(waits):.0f} ms after the window's end"
    outcome.check("windows wait no longer than 550 ms for it", max(waits) <= 500 + TICK_MS, found)
    return outcome


@fault(15, "video-idles", "V", detect_ms=500 + TICK_MS, recover_ms=HOP_MS, gap_hops=2)
def video_idles(_setting: Setting) -> Outcome:
    """Pictures stop for three seconds; windows must not wait for them."""
    run = spoil(picture=lambda _t, _p: None)
    outcome = run.outcome("face", "no_data")
    inside = [(at, r) for at, r in results_of(run.graph.told) if run.begin_ms < at < run.end_ms]
    waits = [at_ms - result.window.end_ms for at_ms, result in inside]
    found = f"at most {max(waits):.0f} ms after the window's end"
    outcome.check("windows wait no longer than 550 ms for it", max(waits) <= 500 + TICK_MS, found)
    return outcome


@fault(19, "words-late", "U")
def words_late(_setting: Setting) -> Outcome:
    """Words come after their windows were read: soon enough to revise them, and too late."""
    outcome = Outcome()
    for delay_ms, wanted in ((1500, "held"), (2500, "late")):
        cut = _windower()
        for modality in ("audio", "face"):
            cut.advance(modality, 5000 * NS_PER_MS)
        cut.poll(5000 * NS_PER_MS)
        told = cut.add(_frame("text", 5000 - delay_ms - 200, 200))
        revised = [c.index for c in cut.poll(5000 * NS_PER_MS)]
        dropped = cut.statistics()["text"].dropped.get("late", 0)
        outcome.drops["late"] = outcome.drops.get("late", 0) + dropped
        outcome.check(f"words {delay_ms} ms late are {wanted}", told == wanted, told)
        outcome.check(
            f"words {delay_ms} ms late revise windows or none",
            bool(revised) == (wanted == "held"),
            revised,
        )
    return outcome


def _readings(graph: VirtualGraph) -> list[dict[str, object]]:
    return [
        result.model_dump(exclude={"latency_ms", "session_id"})
        for _, result in results_of(graph.told)
        if isinstance(result, MeasurementResult)
    ]


def _frame(modality: Modality, t_ms: int, span_ms: int = 40) -> FeatureFrame:
    values = np.full(DIMS[modality], np.sin(t_ms), np.float32)
    return FeatureFrame(modality, "p1", t_ms * NS_PER_MS, span_ms * NS_PER_MS, values)


def _windower() -> Windower:
    return Windower("p1", WindowConfig(grid=TokenGrid()), DIMS)


def _windows(cut: Windower, arrivals: list[tuple[int, FeatureFrame]]) -> dict[int, bytes]:
    """Last reading of each window when frames come at their times, in the order given."""
    final: dict[int, ClosedWindow] = {}
    queue = sorted(arrivals, key=lambda arrival: arrival[0] // (50 * NS_PER_MS))
    done = 0
    for now_ms in range(50, 8001, 50):
        while done < len(queue) and queue[done][0] < now_ms * NS_PER_MS:
            cut.add(queue[done][1])
            done += 1
        for modality in ("audio", "face"):
            cut.advance(modality, (now_ms - 240) * NS_PER_MS)
        final |= {closed.index: closed for closed in cut.poll(now_ms * NS_PER_MS)}
    return {
        k: b"".join(c.window.values[m].tobytes() + c.window.mask[m].tobytes() for m in DIMS)
        for k, c in final.items()
    }
