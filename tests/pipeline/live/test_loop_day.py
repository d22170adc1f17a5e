"""A day of a live session in virtual time, with faults of every kind at random moments.

The graph is the real one: source, channels, engine loop, health, windows, journal. Only the stages
and the recognizer are scripted, pictures and sound come in larger pieces than usual, and the clock
is the test's.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tacit.models.features import Modality
from tacit.pipeline.events import Event
from tacit.pipeline.live.loop import Seat
from tacit.pipeline.live.pool import StageDown
from tacit.pipeline.supervisor import Death
from tacit.stream.packet import NS_PER_MS, NS_PER_S
from tests.fakes.live import Heard, VirtualLive

HOURS = 24
STEP_NS = 500 * NS_PER_MS
PICTURES = 3
PICTURE_NS = STEP_NS // PICTURES
HOP_MS = 500
SOUND = np.full(STEP_NS * 16 // 1_000_000, 0.1, np.float32)
PICTURE = np.full((8, 8, 3), 100, np.uint8)


@dataclass
class Day(Heard):
    """Keeps counts of events and what must hold of them, but not the events."""

    counts: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    end_ms: int = 0
    seq: int = -1
    problems: list[str] = field(default_factory=list)

    def events(self, session_id: str, events: list[Event]) -> None:
        for event in events:
            self.counts[event.type] += 1
            self._check(event)

    def views(self, session_id: str, views: list[dict[str, Any]]) -> None:
        self.counts["view"] += len(views)

    def _check(self, event: Any) -> None:
        if event.seq != self.seq + 1:
            self.problems.append(f"seq {self.seq} is followed by {event.seq}")
        self.seq = event.seq
        if event.type == "measurement.result":
            if event.window.end_ms != self.end_ms + HOP_MS:
                self.problems.append(f"{self.end_ms} ms is followed by {event.window.end_ms}")
            self.end_ms = event.window.end_ms
        if event.type == "sensor.health":
            self.states[f"{event.modality} {event.state}"] += 1


class Soak:
    """Runs the day.

    Args:
        seed: chooses the faults.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.live = VirtualLive(0)
        self.day = Day()
        self.live.loop._listener = self.day
        self.seat: Seat = self.live.open("s1")
        self.seat.want_views = False
        self.faults: Counter[str] = Counter()
        self.until: dict[str, int] = {}
        self.away = False

    def run(self, seconds: float) -> None:
        clock, loop, seat = self.live.clock, self.live.loop, self.seat
        end_ns = clock.now_ns() + round(seconds * NS_PER_S)
        while clock.now_ns() < end_ns:
            clock.advance(STEP_NS)
            now_ns = seat.handle.now_ns()
            if now_ns % (10 * NS_PER_S) < STEP_NS and not self.away:
                self._break_something(now_ns)
            if now_ns % NS_PER_S < STEP_NS:
                self._mend(now_ns)
            if "audio" not in self.until and not self.away:
                seat.handle.sound(SOUND, now_ns - STEP_NS)
            if "face" not in self.until and not self.away:
                for k in range(PICTURES, 0, -1):
                    seat.handle.picture(PICTURE, now_ns - k * PICTURE_NS, PICTURE_NS)
            loop.step(clock.now_ns())

    def _break_something(self, now_ns: int) -> None:
        if self.random.random() > 0.2:
            return
        fault = self.random.choice(
            ("audio", "face", "down audio", "down face", "killed", "reader", "mute", "flood")
        )
        self.faults[fault] += 1
        self.until[fault] = now_ns + self.random.randrange(1, 40) * NS_PER_S
        modality: Modality = self.random.choice(("audio", "face"))
        match fault:
            case "down audio" | "down face":
                self.live.pool.down.add("face" if "face" in fault else "audio")
            case "killed":
                self.live.pool.incidents.append(StageDown(modality, "killed", False))
            case "reader":
                self.live.reader.dead.append(Death("recognizer", "killed", False))
            case "mute":
                self.live.reader.mute = True
                self.until[fault] = now_ns + 2 * NS_PER_S
            case "flood":
                for k in range(50):
                    self.seat.handle.picture(PICTURE, now_ns + k, PICTURE_NS)

    def _mend(self, now_ns: int) -> None:
        for fault in [name for name, until_ns in self.until.items() if until_ns <= now_ns]:
            del self.until[fault]
            if fault.startswith("down"):
                self.live.pool.down.discard("face" if "face" in fault else "audio")
            if fault == "mute":
                self.live.reader.mute = False


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_day_with_faults_keeps_its_books_its_order_and_its_memory() -> None:
    soak = Soak(7)
    sizes: list[int] = []
    for hour in range(HOURS):
        for quarter in range(4):
            # Somebody is there for one of the quarters, and things break; then the sources stop.
            soak.away = quarter != hour % 4
            soak.run(900)
            # What the scripted ends of the graph note down is not the session's.
            soak.live.reader.windows.clear()
            soak.live.pool.taken.clear()
        sizes.append(_objects(soak))
        rows = soak.live.loop.count()
        assert [row for row in rows if not row.balanced] == [], f"hour {hour}"
    day = soak.day
    assert day.problems == []
    assert day.end_ms >= HOURS * 3_600_000 - 2_000
    assert day.counts["measurement.result"] == day.end_ms // HOP_MS
    assert len(soak.faults) == 8
    assert min(soak.faults.values()) >= HOURS // 2
    # A source breaks at most every 10 s here, and each time tells of a few changes.
    assert 100 < day.counts["sensor.health"] < HOURS * 3600 / 2
    assert max(sizes[12:]) <= 1.1 * max(sizes[:12])
    soak.live.loop.close("end", soak.live.clock.now_ns())
    assert day.counts["session.closed"] == 1
    assert all(row.balanced and not row.in_flight for row in soak.live.loop.count())


def _objects(soak: Soak) -> int:
    """How many objects the session holds, all the way down."""
    seen: set[int] = set()
    todo: list[object] = [soak.live.loop]
    while todo:
        thing = todo.pop()
        if id(thing) in seen or isinstance(thing, str | int | float | np.ndarray | type):
            continue
        seen.add(id(thing))
        if isinstance(thing, dict):
            todo += [*thing.keys(), *thing.values()]
        elif isinstance(thing, list | tuple | set | frozenset):
            todo += thing
        elif hasattr(thing, "__dict__"):
            todo += vars(thing).values()
        elif hasattr(thing, "__slots__"):
            todo += [getattr(thing, name, None) for name in type(thing).__slots__]
        elif type(thing).__module__ == "collections":
            todo += list(thing)  # type: ignore[call-overload]
    return len(seen)
