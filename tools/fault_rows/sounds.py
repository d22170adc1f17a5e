"""Rows 6 to 10: what can be wrong with sound."""

import itertools
from types import SimpleNamespace
from typing import Any, Final

import numpy as np

from tacit.pipeline.faults.outcome import Outcome
from tacit.stream.clock import ManualClock
from tacit.stream.microphone import Microphone
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Packet
from tools.fault_rows.clip import BLOCK_NS, Sound
from tools.fault_rows.pictures import TICK_MS
from tools.fault_rows.registry import Setting, fault
from tools.fault_rows.virtual import Spoilt, spoil

FIVE_BLOCKS_MS: Final = 100.0
QUIET_DB: Final = -65.0
MOST_BIAS: Final = 0.15
LOST_NS: Final = 200 * NS_PER_MS
BROKEN: Final = 20
"""Number of the block that is the first after what was lost."""
_BAD: Final = ("degraded", "lost", "muted")


def room(t_ns: int, block: Sound) -> Sound:
    """A quiet room: noise at -65 dB."""
    noise = np.random.default_rng(t_ns).standard_normal(block.size)
    return (noise * 10 ** (QUIET_DB / 20)).astype(np.float32)


def zeros(_t_ns: int, block: Sound) -> Sound:
    """Digital silence."""
    return np.zeros_like(block)


def nothing(_t_ns: int, _block: Sound) -> None:
    """No sound comes."""


@fault(6, "room-quiet", "V", detect_ms=2000 + TICK_MS, recover_ms=FIVE_BLOCKS_MS, gap_hops=2)
def room_quiet(_setting: Setting) -> Outcome:
    """Nobody speaks; the microphone works."""
    run = spoil(sound=room, for_s=4.0)
    outcome = run.outcome("audio")
    outcome.detected_ms = run.graph.flagged_ms("audio", "quiet", run.begin_ms)
    alarms = [c for c in (run.graph.detected_ms("audio", run.begin_ms, state=s) for s in _BAD) if c]
    outcome.check("a quiet room is no fault", not alarms, alarms)
    with_room, without = _neutral(run), _neutral(spoil(sound=nothing, for_s=4.0))
    found = f"neutral {with_room:.2f}, {without:.2f} without a microphone"
    outcome.check("quiet is not read as neutral", with_room <= without + MOST_BIAS, found)
    return outcome


@fault(7, "microphone-zeros", "V", detect_ms=500 + TICK_MS, recover_ms=FIVE_BLOCKS_MS, gap_hops=2)
def microphone_zeros(_setting: Setting) -> Outcome:
    """A muted microphone gives zeros."""
    run = spoil(sound=zeros)
    outcome = run.outcome("audio", "silent")
    sources = _sources(run)
    outcome.check("its silence is not measured", "measured" not in sources, sources)
    return outcome


@fault(8, "microphone-stops", "V", detect_ms=300, recover_ms=2000, gap_hops=2)
def microphone_stops(_setting: Setting) -> Outcome:
    """No sound comes any more."""
    run = spoil(sound=nothing)
    outcome = run.outcome("audio", "no_data")
    lost = run.graph.detected_ms("audio", run.begin_ms, state="lost")
    outcome.check("lost within 1 s", lost is not None and lost <= 1000, f"{lost} ms")
    return outcome


@fault(9, "microphone-clipped", "V", detect_ms=500, recover_ms=FIVE_BLOCKS_MS, gap_hops=2)
def microphone_clipped(_setting: Setting) -> Outcome:
    """The gain is twenty times too high."""
    run = spoil(sound=lambda _t, block: np.clip(block * 20, -1, 1).astype(np.float32))
    outcome = run.outcome("audio", "clipped")
    masked = outcome.drops.get("masked", 0)
    outcome.check("the clipped voice is not read", masked > 0, f"{masked} frames masked")
    return outcome


@fault(10, "microphone-overflow", "U", detect_ms=20)
def microphone_overflow(_setting: Setting) -> Outcome:
    """The sound card's buffer ran over: 200 ms are missing, and what follows must not move."""
    clock = ManualClock(5 * NS_PER_S)
    card = _Card()
    microphone = Microphone(None, clock, library=card)
    source, told = microphone.packets(), None
    packets: list[Packet] = []
    for number in range(40):
        missing_ns = LOST_NS if number >= BROKEN else 0
        clock.set(5 * NS_PER_S + (number + 1) * BLOCK_NS + missing_ns)
        status = SimpleNamespace(input_overflow=number == BROKEN)
        card.callback(np.full((320, 1), 0.1, np.float32), 320, None, status)
        packets.append(next(source))
        if told is None and packets[-1].meta["overflows"]:
            told = number
    microphone.close()
    packets += source
    pairs = list(itertools.pairwise(packets))
    holes = [b.t_capture_ns - a.t_end_ns for a, b in pairs if b.t_capture_ns > a.t_end_ns]
    late_ns = packets[-1].t_end_ns - clock.now_ns()
    outcome = Outcome(drops={"overflow": microphone.overflows})
    outcome.detected_ms = None if told is None else 20.0 * (1 + told - BROKEN)
    outcome.check("counted once", microphone.overflows == 1, microphone.overflows)
    found = f"{sum(holes) / NS_PER_MS:.0f} ms"
    outcome.check("the hole is as long as what is missing", abs(sum(holes) - LOST_NS) < 2e7, found)
    outcome.check("time is not shifted", abs(late_ns) < 2e7, f"{late_ns / NS_PER_MS:.1f} ms")
    return outcome


class _Card:
    """PortAudio with one microphone, whose callback is called by hand."""

    PortAudioError = OSError
    default = SimpleNamespace(device=(0, 0))

    def query_hostapis(self) -> list[dict[str, Any]]:
        return [{"name": "test", "default_input_device": 0}]

    def query_devices(self) -> list[dict[str, Any]]:
        facts = {"max_input_channels": 1, "default_samplerate": 16000.0, "hostapi": 0}
        return [{"name": "microphone", **facts}]

    def InputStream(self, **settings: Any) -> Any:
        self.callback = settings["callback"]
        return SimpleNamespace(start=lambda: None, abort=lambda: None, close=lambda: None)


def _neutral(run: Spoilt) -> float:
    found = [
        score.probability
        for result in run.graph.results(run.begin_ms + 2000, run.end_ms)
        for score in result.fused.emotions or ()
        if score.name == "neutral"
    ]
    return float(np.mean(found)) if found else 1.0


def _sources(run: Spoilt) -> set[str]:
    inside = run.graph.results(run.begin_ms + 1100, run.end_ms)
    return {result.modalities["audio"].source for result in inside}
