"""Rows 41, 48 to 50: overload, a day, nothing measured, and a sensor that comes and goes."""

import gc
import itertools
import random
import resource
from typing import Final

import numpy as np

from tacit.models.features import MODALITIES, Modality
from tacit.pipeline.events import DropReport, ErrorEvent, SensorHealth
from tacit.pipeline.faults.judge import Told, gap_hops, results_of
from tacit.pipeline.faults.outcome import Outcome
from tacit.stream.packet import NS_PER_MS, NS_PER_S
from tools.fault_rows.clip import Picture, Sound
from tools.fault_rows.quick import quick_graph
from tools.fault_rows.registry import Setting, fault
from tools.fault_rows.virtual import HOP_MS, VirtualGraph

FLAP_HZ: Final = 0.7
FLAP_S: Final = 300.0
MINUTES: Final = 3
LEAST_APART_MS: Final = 2000.0


@fault(49, "all-missing", "V", detect_ms=1000, recover_ms=HOP_MS, gap_hops=2)
def all_missing(_setting: Setting) -> Outcome:
    """Camera and microphone give nothing; no emotion may be invented."""
    graph = VirtualGraph().run(4.0)
    begin_ms = graph.now_ms
    graph.sound, graph.picture = (lambda _t, _b: None), (lambda _t, _p: None)
    graph.run(5.0)
    end_ms = graph.now_ms
    graph.sound, graph.picture = (lambda _t, block: block), (lambda _t, picture: picture)
    graph.run(2.0).close()
    abstained = [at for at, r in results_of(graph.told) if at > begin_ms and r.fused.abstained]
    outcome = Outcome(
        abstained[0] - begin_ms if abstained else None,
        graph.used_ms("audio", end_ms),
        gap_hops(graph.told, begin_ms, end_ms, HOP_MS),
        graph.drops(),
    )
    inside = graph.results(begin_ms + 1000, end_ms)
    invented = [r for r in inside if not r.fused.abstained or r.fused.emotions is not None]
    outcome.check("every result abstains", not invented, f"{len(inside)} results")
    measured = [m for r in inside for m, x in r.modalities.items() if x.source != "absent"]
    outcome.check("nothing counts as measured or recovered", not measured, measured)
    return outcome


@fault(50, "camera-flaps", "V", gap_hops=2)
def camera_flaps(_setting: Setting) -> Outcome:
    """Pictures come and go 0.7 times a second for five minutes."""

    def flapping(t_ns: int, picture: Picture) -> Picture | None:
        return None if t_ns * FLAP_HZ / NS_PER_S % 1 < 0.5 else picture

    graph = quick_graph()
    graph.run(4.0)
    begin_ms = graph.now_ms
    graph.picture = flapping
    graph.run(FLAP_S).close()
    outcome = Outcome(gap_hops=gap_hops(graph.told, begin_ms, graph.now_ms - 2000, HOP_MS))
    outcome.drops = graph.drops()
    changes = [at_ms for at_ms, change in _changes(graph.told, "face") if at_ms > begin_ms]
    least = min((b - a for a, b in itertools.pairwise(changes)), default=np.inf)
    most = _most_within(changes, 5 * LEAST_APART_MS)
    found = f"{len(changes)} in {FLAP_S:.0f} s, at least {least:.0f} ms apart"
    outcome.check("at most five health events in any 10 s", most <= 5, found)
    voice = {r.modalities["audio"].source for r in graph.results(begin_ms, graph.now_ms - 2000)}
    outcome.check("the voice is measured throughout", voice == {"measured"}, voice)
    return outcome


@fault(41, "stages-overloaded", "V", detect_ms=2000, recover_ms=5000, gap_hops=2)
def stages_overloaded(_setting: Setting) -> Outcome:
    """The stages need 400 ms for each piece; what can be spared is left out, in order."""
    graph = quick_graph().run(4.0)
    begin_ms = graph.now_ms
    usual = dict(graph.stages.delay_ns)
    graph.stages.delay_ns = dict.fromkeys(usual, 400 * NS_PER_MS)
    graph.run(10.0)
    end_ms = graph.now_ms
    graph.stages.delay_ns = usual
    graph.run(25.0).close()
    codes = [
        (t.at_ms, t.event.code)
        for t in graph.told
        if isinstance(t.event, ErrorEvent) and t.event.code.startswith("overload.")
    ]
    outcome = Outcome(
        next((at - begin_ms for at, _ in codes if at >= begin_ms), None),
        next((at - end_ms for at, _ in codes if at >= end_ms), None),
        gap_hops(graph.told, begin_ms + 500, end_ms, HOP_MS),
        graph.drops(),
    )
    order = [code.removeprefix("overload.") for _, code in codes]
    wanted = ["views", "recovery", "face_rate", "recovery", "views", "over"]
    outcome.check("in the stated order, and back", order == wanted, ", ".join(order))
    return outcome


@fault(48, "minutes-of-faults", "V", gap_hops=2)
def minutes_of_faults(_setting: Setting) -> Outcome:
    """Virtual minutes in which sensors fail at random; `docs/health.md` has the virtual day."""
    source = random.Random(5)
    graph = quick_graph().run(10.0)
    marks: list[tuple[float, int, int]] = []
    for _minute in range(MINUTES):
        kind = source.choice(("sound", "picture", "both", "none"))
        sound, picture = graph.sound, graph.picture
        if kind in ("sound", "both"):
            graph.sound = lambda _t, block: _zeros(block)
        if kind in ("picture", "both"):
            graph.picture = lambda _t, _p: None
        graph.run(10.0)
        graph.sound, graph.picture = sound, picture
        graph.run(50.0)
        graph.tap.packets.clear()
        gc.collect()
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        marks.append((graph.now_ms, peak_kib, len(graph.session.counts)))
    graph.close()
    outcome = Outcome(gap_hops=gap_hops(graph.told, 2000, graph.now_ms - 2000, HOP_MS))
    outcome.drops = graph.drops()
    grown_mib = (marks[-1][1] - marks[len(marks) // 2][1]) / 1024
    outcome.check("memory is flat in the second half", grown_mib <= 20, f"{grown_mib:.1f} MiB more")
    reports = [t.event for t in graph.told if isinstance(t.event, DropReport)]
    uneven = [r for r in reports if r.offered != r.used + sum(r.dropped.values()) + r.pending]
    found = f"{sum(r.offered for r in reports)} frames offered"
    outcome.check("every frame is accounted for", not uneven and len(reports) >= 2, found)
    return outcome


def _zeros(block: Sound) -> Sound:
    return np.zeros_like(block)


def _changes(told: list[Told], modality: Modality) -> list[tuple[float, SensorHealth]]:
    assert modality in MODALITIES
    return [
        (t.at_ms, t.event)
        for t in told
        if isinstance(t.event, SensorHealth) and t.event.modality == modality
    ]


def _most_within(times_ms: list[float], span_ms: float) -> int:
    """Most events within any stretch of that length."""
    return max((sum(a <= b < a + span_ms for b in times_ms) for a in times_ms), default=0)
