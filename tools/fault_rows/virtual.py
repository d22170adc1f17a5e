"""The whole live graph in virtual time: its own loop, sessions, stages, health and recognizer.

Only what has a clock, a process or a socket is replaced: media come from the sample, stages run in
this process and answer after a set delay, and time passes as fast as they compute. So a fault is
timed to the millisecond, and the same run gives the same figures.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from tacit.models.features import Modality
from tacit.models.recognizer import Recognizer
from tacit.pipeline.config import Settings
from tacit.pipeline.events import Event, MeasurementResult, SensorHealth
from tacit.pipeline.faults.judge import (
    Told,
    drops_of,
    first_change,
    gap_hops,
    is_used,
    results_of,
)
from tacit.pipeline.faults.outcome import Outcome
from tacit.pipeline.intake import SessionSetup
from tacit.pipeline.job import Job
from tacit.pipeline.live.handle import LiveHandle
from tacit.pipeline.live.loop import LiveLoop, Seat
from tacit.pipeline.live.pool import StageDown
from tacit.pipeline.live.session import LiveSession
from tacit.pipeline.predictors import InlinePredictor
from tacit.pipeline.stages.build import build_recognizer
from tacit.pipeline.stages.host import StageHost, open_host
from tacit.pipeline.stages.reports import quality_of
from tacit.stream.clock import ManualClock
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Packet
from tools.fault_rows.clip import BLOCK_NS, PICTURE_NS, Picture, Sound, sample_clip

STEP_NS: Final = 10 * NS_PER_MS
HOP_MS: Final = 500
LEAD_S: Final = 4.0
SETTINGS: Final = Settings(asr="off")
BEGIN_NS: Final = 1000 * NS_PER_S
"""The monotonic clock of a machine is not near 0 either."""

SoundSource = Callable[[int, Sound], Sound | None]
PictureSource = Callable[[int, Picture], Picture | None]


@lru_cache(maxsize=1)
def loaded_recognizer() -> Recognizer:
    """The shipped recognizer, loaded once."""
    return build_recognizer(SETTINGS)


@lru_cache(maxsize=1)
def loaded_hosts() -> dict[Modality, StageHost]:
    """The shipped stages for sound and pictures, loaded once; each run has tracks of its own."""
    job = Job(settings=SETTINGS, live=2)
    return {"audio": open_host("audio", job, 2), "face": open_host("face", job, 2)}


class InProcessStages:
    """Stages in this process that answer after a while of virtual time; see `loop.Pool`.

    Attributes:
        delay_ns: how long each stage takes.
        down: stages that are not there now.
        incidents: what the loop is told next of stages that died.
        alter: changes what a stage gives; None for nothing.
    """

    def __init__(self, clock: ManualClock, hosts: dict[Modality, StageHost]) -> None:
        self.delay_ns: dict[Modality, int] = dict.fromkeys(hosts, 10 * NS_PER_MS)
        self.down: set[Modality] = set()
        self.incidents: list[StageDown] = []
        self.alter: Callable[[Packet], Packet | None] | None = None
        self._clock = clock
        self._hosts = hosts
        self._waiting: list[tuple[int, Packet]] = []

    def up(self, modality: Modality) -> bool:
        """Whether a stage takes media now."""
        return modality in self._hosts and modality not in self.down

    def send(self, modality: Modality, media: Packet) -> bool:
        """Let a stage work on a packet."""
        if not self.up(modality):
            return False
        due_ns = self._clock.now_ns() + self.delay_ns[modality]
        for packet in self._hosts[modality].take(media):
            altered = packet if self.alter is None else self.alter(packet)
            if altered is not None:
                self._waiting.append((due_ns, altered))
        return True

    def receive(self) -> Iterator[Packet]:
        """What the stages are done with by now."""
        now_ns = self._clock.now_ns()
        due = [packet for at_ns, packet in self._waiting if at_ns <= now_ns]
        self._waiting = [(at_ns, packet) for at_ns, packet in self._waiting if at_ns > now_ns]
        yield from due

    def look_after(self, _now_ns: int) -> list[StageDown]:
        """Stages that died since the last call; what was under way in them is lost."""
        incidents, self.incidents = self.incidents, []
        gone = {incident.modality for incident in incidents}
        self._waiting = [w for w in self._waiting if w[1].modality not in gone]
        return incidents


class _Handle(LiveHandle):
    """A handle whose time is the virtual clock's."""

    def __init__(self, session_id: str, clock: ManualClock) -> None:
        self._virtual = clock
        super().__init__(session_id, "p1", lambda: None)

    def now_ns(self) -> int:
        return self._virtual.now_ns() - BEGIN_NS


class _SessionClock:
    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    def now_ns(self) -> int:
        return self._clock.now_ns() - BEGIN_NS


class _Accepted:
    """Notes what a session was given; the `Tap` of a recording."""

    def __init__(self, clock: ManualClock) -> None:
        self.packets: list[tuple[float, Packet]] = []
        self._clock = clock

    def accepted(self, packet: Packet) -> None:
        at_ms = (self._clock.now_ns() - BEGIN_NS) / NS_PER_MS
        self.packets.append((at_ms, packet))

    def advanced(self, now_ns: int) -> None: ...

    def failed(self, modality: Modality, reason: str) -> None: ...

    def noted(self, code: str, message: str) -> None: ...

    def finished(self) -> None: ...


class VirtualGraph:
    """One session on the sample, in virtual time.

    Args:
        hosts: stages; None for the shipped ones.
        disabled: modalities that take no part, with the reason.
        recognizer: reads windows; None for the shipped one.

    Attributes:
        told: all events with the time at which each came.
        sound: gives the block in place of the sample's; None gives nothing.
        picture: the same for pictures.
    """

    _count = 0

    def __init__(
        self,
        hosts: dict[Modality, StageHost] | None = None,
        disabled: dict[Modality, str] | None = None,
        recognizer: Recognizer | None = None,
    ) -> None:
        VirtualGraph._count += 1
        self.name = f"virtual-{VirtualGraph._count}"
        self.clock = ManualClock(BEGIN_NS)
        self.told: list[Told] = []
        self.sound: SoundSource = lambda _t, block: block
        self.picture: PictureSource = lambda _t, picture: picture
        self.stages = InProcessStages(self.clock, loaded_hosts() if hosts is None else hosts)
        read = recognizer or loaded_recognizer()
        reader = InlinePredictor(Job(settings=SETTINGS), lambda _settings: read)
        identity = reader.ready()
        self.loop = LiveLoop(self.stages, reader, self)
        self.handle = _Handle(self.name, self.clock)
        self.tap = _Accepted(self.clock)
        out: dict[Modality, str] = {"text": "off"} if disabled is None else disabled
        setup = SessionSetup(self.name, "p1", "virtual", SETTINGS, out)
        clock = _SessionClock(self.clock)
        self.session = LiveSession(setup, identity, clock, BEGIN_NS, self.tap)
        self.loop.add(Seat(self.handle, self.session, False), self.clock.now_ns())

    @property
    def now_ms(self) -> float:
        """Session time."""
        return (self.clock.now_ns() - BEGIN_NS) / NS_PER_MS

    def events(self, _session_id: str, events: list[Event]) -> None:
        """Called by the loop."""
        self.told += [Told(self.now_ms, event) for event in events]

    def views(self, _session_id: str, _views: list[dict[str, Any]]) -> None:
        """Nobody looks."""

    def run(self, seconds: float) -> "VirtualGraph":
        """Let time pass while media come."""
        for _ in range(round(seconds * NS_PER_S / STEP_NS)):
            self.clock.advance(STEP_NS)
            self._feed(self.clock.now_ns() - BEGIN_NS)
            self.loop.step(self.clock.now_ns())
        return self

    def close(self) -> "VirtualGraph":
        """End the session, so that its drops are reported."""
        self.handle.end()
        for _ in range(100):
            self.clock.advance(STEP_NS)
            self.loop.step(self.clock.now_ns())
        return self

    def _feed(self, now_ns: int) -> None:
        clip = sample_clip()
        if now_ns % BLOCK_NS == 0:
            t_ns = now_ns - BLOCK_NS
            block = self.sound(t_ns, clip.sound(t_ns // BLOCK_NS))
            if block is not None:
                self.handle.sound(block, t_ns)
        if now_ns % PICTURE_NS == 0:
            picture = self.picture(now_ns, clip.picture(now_ns // PICTURE_NS))
            if picture is not None:
                self.handle.picture(picture, now_ns, PICTURE_NS)

    def detected_ms(
        self, modality: Modality, since_ms: float, *reasons: str, state: str = ""
    ) -> float | None:
        """How long after a moment a change for one of these reasons was told."""

        def wanted(change: SensorHealth) -> bool:
            named = change.reason in reasons if reasons else True
            return named and (not state or change.state == state)

        return first_change(self.told, modality, since_ms, wanted)

    def used_ms(self, modality: Modality, since_ms: float) -> float | None:
        """How long after a moment features captured since then were used again."""
        changes = [
            (t.at_ms, t.event)
            for t in self.told
            if isinstance(t.event, SensorHealth) and t.event.modality == modality
        ]
        for at_ms, packet in self.tap.packets:
            fits = packet.modality == modality and packet.kind == "feature"
            if not fits or packet.t_capture_ns < since_ms * NS_PER_MS or not packet.data.size:
                continue
            if quality_of(packet.meta).masked:
                continue
            last = [change for told_ms, change in changes if told_ms <= at_ms]
            if last and is_used(last[-1]):
                return at_ms - since_ms
        return None

    def flagged_ms(self, modality: Modality, flag: str, since_ms: float) -> float | None:
        """How long after a moment the first features with a quality flag were accepted."""
        for at_ms, packet in self.tap.packets:
            fits = packet.modality == modality and packet.kind == "feature"
            later = fits and packet.t_capture_ns >= since_ms * NS_PER_MS
            if later and flag in quality_of(packet.meta).flags:
                return at_ms - since_ms
        return None

    def results(self, from_ms: float, to_ms: float) -> list[MeasurementResult]:
        """First readings of windows that came in a stretch of time."""
        return [result for at_ms, result in results_of(self.told) if from_ms <= at_ms <= to_ms]

    def outcome(
        self, modality: Modality, begin_ms: float, end_ms: float, *reasons: str, state: str = ""
    ) -> Outcome:
        """What a fault of one sensor between two moments did."""
        return Outcome(
            self.detected_ms(modality, begin_ms, *reasons, state=state),
            self.used_ms(modality, end_ms),
            gap_hops(self.told, begin_ms, end_ms, HOP_MS),
            self.drops(),
        )

    def drops(self) -> dict[str, int]:
        """Everything that was lost, by reason: before the stages, and in the windows."""
        total = drops_of(self.told)
        for counts in self.session.counts.values():
            for reason, count in counts.dropped.items():
                total[reason] = total.get(reason, 0) + count
        for statistics in self.handle.statistics().values():
            for reason, count in statistics.dropped.items():
                total[str(reason)] = total.get(str(reason), 0) + count
        return {reason: count for reason, count in total.items() if count}


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A run in which one sensor was broken for a while.

    Attributes:
        graph: after its end.
        begin_ms: when it was broken.
        end_ms: when it was mended.
    """

    graph: VirtualGraph
    begin_ms: float
    end_ms: float

    def outcome(self, modality: Modality, *reasons: str, state: str = "") -> Outcome:
        """See `VirtualGraph.outcome`."""
        return self.graph.outcome(modality, self.begin_ms, self.end_ms, *reasons, state=state)


def spoil(
    *,
    sound: SoundSource | None = None,
    picture: PictureSource | None = None,
    for_s: float = 3.0,
    graph: VirtualGraph | None = None,
    after_s: float = 2.0,
) -> Spoilt:
    """Break sensors after four good seconds, and mend them.

    Args:
        sound: what the microphone gives meanwhile; None for what it should.
        picture: what the camera gives meanwhile.
        for_s: how long they are broken.
        graph: to run; None for one of the shipped stages.
        after_s: how long it goes on afterwards.
    """
    graph = graph or VirtualGraph()
    good = graph.sound, graph.picture
    graph.run(LEAD_S)
    begin_ms = graph.now_ms
    graph.sound, graph.picture = sound or good[0], picture or good[1]
    graph.run(for_s)
    end_ms = graph.now_ms
    graph.sound, graph.picture = good
    graph.run(after_s).close()
    return Spoilt(graph, begin_ms, end_ms)
