"""One turn after another: media to the stages, features to the sessions, windows to be read.

No thread and no clock of its own: `step` is told the time. The engine runs it on real workers; a
test can run it on scripted ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from ...models.features import FeatureWindow, Modality, Prediction
from ...stream.errors import ChannelClosed
from ...stream.packet import NS_PER_MS, Packet
from ..events import Event
from ..handover import Handover, HandoverBook
from ..intake import Jobs
from ..journal import CloseReason
from ..stages.reports import OUTLINE, REST
from ..supervisor import Death
from .handle import LiveHandle, Piece
from .overload import WORDS, Overload, Shed
from .pool import StageDown
from .session import LiveSession

CLOSING_NS: Final = 600 * NS_PER_MS
"""How long a session that ends waits for what is still in its stages."""
CARE_NS: Final = 20 * NS_PER_MS
"""How often the workers are looked after: a dead one is to be noticed within 50 ms."""
BOOKS_NS: Final = 500 * NS_PER_MS
SOURCES: Final[tuple[Modality, ...]] = ("audio", "face")


class Pool(Protocol):
    """The stages; see `pool.StagePool`."""

    def up(self, modality: Modality) -> bool:
        """Whether a stage takes media now."""

    def send(self, modality: Modality, media: Packet) -> bool:
        """Give a stage a packet; False where it does not take it."""

    def receive(self) -> Iterator[Packet]:
        """What the stages gave."""

    def look_after(self, now_ns: int) -> list[StageDown]:
        """Notice dead workers, and bring them back."""


class Reader(Protocol):
    """The recognizer; see `predictors.Predictor`."""

    def submit(self, job: int, window: FeatureWindow) -> None:
        """Ask for a prediction."""

    def poll(self, timeout_s: float = 0.0) -> list[tuple[int, Prediction, int]]:
        """Predictions that are ready."""

    def deaths(self) -> list[Death]:
        """Deaths since the last call."""


class Listener(Protocol):
    """Is told what comes out, on the engine's thread; must not block."""

    def events(self, session_id: str, events: list[Event]) -> None:
        """Events, in order."""

    def views(self, session_id: str, views: list[dict[str, Any]]) -> None:
        """What only viewers get: JSON objects."""


class EngineFailed(Exception):
    """The engine cannot go on; the message says why, in one line."""


@dataclass(slots=True)
class Seat:
    """One session in the loop."""

    handle: LiveHandle
    session: LiveSession
    want_views: bool = True
    closing_ns: int | None = None
    seq: dict[Modality, int] = field(default_factory=lambda: dict.fromkeys(SOURCES, 0))


class LiveLoop:
    """All live sessions of one engine.

    Args:
        pool: the stages.
        reader: reads windows.
        listener: is told what comes out.
    """

    def __init__(self, pool: Pool, reader: Reader, listener: Listener) -> None:
        self.seats: Final[dict[str, Seat]] = {}
        self.overload: Final = Overload()
        self._pool = pool
        self._reader = reader
        self._listener = listener
        self._jobs = 0
        self._asked: dict[int, tuple[Seat, int]] = {}
        self._cared_ns = 0
        self._ended = HandoverBook()
        self._counted_ns = 0
        self.handovers: list[Handover] = []
        """Where everything went, as of half a second ago at most."""

    def count(self) -> list[Handover]:
        """Where everything went, sessions that have ended included."""
        live = [row for seat in self.seats.values() for row in _handovers(seat)]
        return self._ended.rows(live)

    def add(self, seat: Seat, now_ns: int) -> None:
        """Take in a session that begins now."""
        self.seats[seat.handle.session_id] = seat
        self._publish(seat, seat.session.flush(now_ns))

    def step(self, now_ns: int) -> None:
        """Do all there is to do.

        Args:
            now_ns: monotonic clock.

        Raises:
            EngineFailed: the recognizer stays down.
        """
        for seat in self.seats.values():
            self._send_media(seat)
        for packet in self._pool.receive():
            owner = self.seats.get(packet.participant)
            if owner is not None:
                self._submit(owner, owner.session.accept(packet, now_ns), now_ns)
        for seat in self.seats.values():
            self._submit(seat, seat.session.tick(now_ns), now_ns)
        self._take_predictions(now_ns)
        if now_ns - self._cared_ns >= CARE_NS:
            self._cared_ns = now_ns
            self._look_after(now_ns)
        if now_ns - self._counted_ns >= BOOKS_NS:
            self._counted_ns = now_ns
            self.handovers = self.count()
        for seat in list(self.seats.values()):
            self._end_if_due(seat, now_ns)
            self._publish(seat, seat.session.flush(now_ns))

    def source_failed(
        self, session_id: str, modality: Modality, failure: tuple[str, str], now_ns: int
    ) -> None:
        """A session's source of a modality is gone until it comes back.

        Args:
            session_id: which; one that has ended is left alone.
            modality: what it gave.
            failure: code and details.
            now_ns: monotonic clock.
        """
        seat = self.seats.get(session_id)
        if seat is not None and modality not in seat.session.ended:
            self._submit(seat, seat.session.failed(modality, *failure), now_ns)

    def close(self, reason: CloseReason, now_ns: int) -> None:
        """End all sessions at once."""
        for seat in list(self.seats.values()):
            self._finish(seat, reason, now_ns)

    def _send_media(self, seat: Seat) -> None:
        for modality in SOURCES:
            while seat.session.has_room(modality):
                try:
                    piece = seat.handle.channels[modality].take(0)
                except (TimeoutError, ChannelClosed):
                    break
                self._send(seat, piece)

    def _send(self, seat: Seat, piece: Piece) -> None:
        name, modality, session = seat.handle.session_id, piece.modality, seat.session
        packet = piece.packet(name, seat.seq[modality], self._wishes(seat, modality))
        seat.seq[modality] += 1
        if piece.kind == "end":
            for target in ("audio", "text") if modality == "audio" else ("face",):
                self._pool.send(target, packet)
            return
        for target, media in session.route(packet):
            sent = self._pool.send(target, media)
            if target == "text":
                continue
            if sent:
                session.counts[target].sent += 1
            else:
                session.counts[target].drop("stage_busy" if self._pool.up(target) else "stage_down")

    def _wishes(self, seat: Seat, modality: Modality) -> dict[str, bool]:
        """What a stage is asked to do with a piece besides reading it."""
        if modality != "face":
            return {}
        shed = self.overload.level
        outline = seat.want_views and shed < Shed.VIEWS
        wishes = {OUTLINE: outline, REST: shed >= Shed.FACE_RATE}
        return {name: True for name, wished in wishes.items() if wished}

    def _submit(self, seat: Seat, jobs: Jobs, now_ns: int) -> None:
        for number, job in jobs:
            self._asked[self._jobs] = (seat, number)
            seat.session.asked(number, now_ns)
            window = job.closed.window
            if self.overload.level >= Shed.RECOVERY:
                window = replace(window, lost=frozenset(), past={})
            self._reader.submit(self._jobs, window)
            self._jobs += 1

    def _take_predictions(self, now_ns: int) -> None:
        for job, prediction, took_ns in self._reader.poll(0.0):
            seat, number = self._asked.pop(job)
            seat.session.answer(number, prediction, took_ns, now_ns)
        for death in self._reader.deaths():
            for seat in self.seats.values():
                seat.session.note(death.cause, death.detail)
            if death.permanent:
                raise EngineFailed(death.detail)

    def _look_after(self, now_ns: int) -> None:
        late_ns = max((s.session.late_ns for s in self.seats.values()), default=0)
        if self.overload.observe(late_ns, now_ns):
            for seat in self.seats.values():
                seat.session.note(*WORDS[self.overload.level])
        for down in self._pool.look_after(now_ns):
            for seat in self.seats.values():
                seat.session.stage_restarted(down.modality)
                if down.modality not in seat.session.ended:
                    jobs = seat.session.failed(down.modality, down.cause, down.detail)
                    self._submit(seat, jobs, now_ns)

    def _end_if_due(self, seat: Seat, now_ns: int) -> None:
        if seat.handle.ending is None:
            return
        if seat.closing_ns is None:
            seat.closing_ns = now_ns
            for modality in SOURCES:
                self._send(seat, Piece("end", modality, seat.session.now_ns))
        done = seat.session.ended >= {"audio", "face", "text"} and not seat.session.waiting
        if done or now_ns - seat.closing_ns > CLOSING_NS:
            self._finish(seat, seat.handle.ending, now_ns)

    def _finish(self, seat: Seat, reason: CloseReason, now_ns: int) -> None:
        seat.handle.shut()
        self.seats.pop(seat.handle.session_id, None)
        self._publish(seat, seat.session.close(reason, now_ns))
        self._ended.close(_handovers(seat))

    def _publish(self, seat: Seat, events: list[Event]) -> None:
        if events:
            self._listener.events(seat.handle.session_id, events)
        views = seat.session.views()
        if views:
            self._listener.views(seat.handle.session_id, views)


def _handovers(seat: Seat) -> list[Handover]:
    return [*seat.handle.handovers(), *seat.session.handovers()]
