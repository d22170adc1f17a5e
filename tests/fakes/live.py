"""A live loop in virtual time: scripted stages and a scripted recognizer around real sessions."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tacit.models.features import MODALITIES, FeatureWindow, Modality, Prediction, Source
from tacit.pipeline.config import Settings
from tacit.pipeline.events import Event
from tacit.pipeline.intake import SessionSetup
from tacit.pipeline.job import OFFERED, STAMPS
from tacit.pipeline.live.engine import Opening
from tacit.pipeline.live.handle import LiveHandle, Piece
from tacit.pipeline.live.loop import LiveLoop, Seat
from tacit.pipeline.live.pool import StageDown
from tacit.pipeline.live.session import LiveSession
from tacit.pipeline.predictors import ModelIdentity
from tacit.pipeline.quality import Quality
from tacit.pipeline.stages.emitter import Emitter
from tacit.pipeline.stages.reports import feature_meta
from tacit.pipeline.supervisor import Death
from tacit.stream.clock import ManualClock
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Packet

DIMS: dict[Modality, int] = {"audio": 3, "face": 4, "text": 2}
IDENTITY = ModelIdentity("test", "0" * 64, DIMS)
STEP_NS = 10 * NS_PER_MS


class ScriptedPool:
    """Stages that answer each piece with one feature frame after a delay."""

    def __init__(self, clock: ManualClock, delay_ns: int = 10 * NS_PER_MS) -> None:
        self.clock = clock
        self.delay_ns = delay_ns
        self.down: set[Modality] = set()
        self.incidents: list[StageDown] = []
        self.taken: list[Packet] = []
        self._emitters: dict[tuple[Modality, str], Emitter] = {}
        self._waiting: list[tuple[int, Packet]] = []

    def up(self, modality: Modality) -> bool:
        return modality not in self.down

    def send(self, modality: Modality, media: Packet) -> bool:
        if modality in self.down or modality == "text":
            return False
        self.taken.append(media)
        name = (modality, media.participant)
        emitter = self._emitters.setdefault(name, Emitter(modality, media.participant, 0))
        due_ns = self.clock.now_ns() + self.delay_ns
        if media.kind == "end":
            self._waiting.append((due_ns, emitter.end(media.t_capture_ns)))
            return True
        quality = Quality(measures={"rms_db": -20.0})
        meta = feature_meta(quality, 40 * NS_PER_MS, media.t_end_ns)
        offered = media.meta[OFFERED]
        meta[STAMPS] = [offered, offered, offered]
        if media.meta.get("outline"):
            meta["outline"] = [[0.5, 0.5]]
        values = np.ones(DIMS[modality], np.float32)
        self._waiting.append((due_ns, emitter.packet("feature", media, values, meta)))
        return True

    def receive(self) -> Iterator[Packet]:
        now_ns = self.clock.now_ns()
        due = [packet for due_ns, packet in self._waiting if due_ns <= now_ns]
        self._waiting = [(due_ns, packet) for due_ns, packet in self._waiting if due_ns > now_ns]
        yield from due

    def look_after(self, now_ns: int) -> list[StageDown]:
        incidents, self.incidents = self.incidents, []
        for incident in incidents:
            self._waiting = [w for w in self._waiting if w[1].modality != incident.modality]
        return incidents


class ScriptedReader:
    """A recognizer that answers everything at once: uniform, with what was measured."""

    def __init__(self) -> None:
        self.windows: list[FeatureWindow] = []
        self.mute = False
        self.dead: list[Death] = []
        self._done: list[tuple[int, Prediction, int]] = []

    def submit(self, job: int, window: FeatureWindow) -> None:
        self.windows.append(window)
        sources: dict[Modality, Source] = {
            m: "measured" if window.mask[m].any() else "absent" for m in MODALITIES
        }
        prediction = Prediction(
            t0_ns=window.t0_ns,
            t1_ns=window.t1_ns,
            probabilities=np.full(7, 1 / 7, np.float32),
            valence=0.0,
            arousal=0.0,
            confidence=1 / 7,
            abstained=False,
            sources=sources,
            unimodal={},
        )
        self._done.append((job, prediction, NS_PER_MS))

    def poll(self, timeout_s: float = 0.0) -> list[tuple[int, Prediction, int]]:
        if self.mute:
            return []
        done, self._done = self._done, []
        return done

    def deaths(self) -> list[Death]:
        dead, self.dead = self.dead, []
        return dead


class Heard:
    """Keeps what a loop gives out."""

    def __init__(self) -> None:
        self.by_session: dict[str, list[Event]] = {}
        self.seen: list[dict[str, Any]] = []

    def events(self, session_id: str, events: list[Event]) -> None:
        self.by_session.setdefault(session_id, []).extend(events)

    def views(self, session_id: str, views: list[dict[str, Any]]) -> None:
        self.seen.extend(views)

    def of(self, session_id: str, kind: str) -> list[Any]:
        return [e for e in self.by_session.get(session_id, []) if e.type == kind]


class VirtualHandle(LiveHandle):
    """A handle whose clock the test moves."""

    def __init__(
        self, session_id: str, clock: ManualClock, keep: Callable[[Piece], None] | None = None
    ) -> None:
        self._virtual = clock
        self._begin_ns = clock.now_ns()
        super().__init__(session_id, "p1", lambda: None, keep)

    def now_ns(self) -> int:
        return self._virtual.now_ns() - self._begin_ns


class Offset:
    """A session's clock within the test's."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock, self._begin_ns = clock, clock.now_ns()

    def now_ns(self) -> int:
        return self._clock.now_ns() - self._begin_ns


class VirtualLive:
    """A loop with everything around it.

    Attributes:
        clock: begins well after 0, as the monotonic clock does.
    """

    def __init__(self, delay_ns: int = 10 * NS_PER_MS) -> None:
        self.clock = ManualClock(1000 * NS_PER_S)
        self.pool = ScriptedPool(self.clock, delay_ns)
        self.reader = ScriptedReader()
        self.heard = Heard()
        self.loop = LiveLoop(self.pool, self.reader, self.heard)
        self.sending: dict[str, set[Modality]] = {}

    def open(
        self,
        name: str = "s1",
        disabled: dict[Modality, str] | None = None,
        opening: Opening | None = None,
    ) -> Seat:
        handle = VirtualHandle(name, self.clock, opening.keep if opening is not None else None)
        settings = Settings(asr="off")
        out = {"text": "off"} if disabled is None else disabled
        setup = SessionSetup(name, "p1", "test", settings, out)  # type: ignore[arg-type]
        tap = opening.tap_of(setup, IDENTITY) if opening and opening.tap_of else None
        clock, anchor_ns = Offset(self.clock), self.clock.now_ns()
        seat = Seat(handle, LiveSession(setup, IDENTITY, clock, anchor_ns, tap))
        self.loop.add(seat, self.clock.now_ns())
        self.sending[name] = {"audio", "face"}
        return seat

    def run(self, seconds: float, *, lag_ns: int = 0) -> None:
        """Let time pass while all sessions get sound and pictures."""
        for _ in range(round(seconds * NS_PER_S / STEP_NS)):
            self.clock.advance(STEP_NS)
            for seat in list(self.loop.seats.values()):
                self._feed(seat, lag_ns)
            self.loop.step(self.clock.now_ns())

    def _feed(self, seat: Seat, lag_ns: int) -> None:
        now_ns = seat.handle.now_ns() - lag_ns
        sending = self.sending[seat.handle.session_id]
        if now_ns <= 0:
            return
        if "audio" in sending and now_ns % (20 * NS_PER_MS) == 0:
            seat.handle.sound(np.full(320, 0.1, np.float32), now_ns - 20 * NS_PER_MS)
        if "face" in sending and now_ns % (30 * NS_PER_MS) == 0:
            picture = np.full((8, 8, 3), 100, np.uint8)
            seat.handle.picture(picture, now_ns - 30 * NS_PER_MS, 30 * NS_PER_MS)
