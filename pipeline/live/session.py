"""One participant's live session: media in, stage inputs out; features in, windows and events out.

No thread, process or socket: the caller says what arrives and lets time pass, so that a test can
run a session in virtual time. Session time lags behind the clock by as long as what is captured
needs through decoding and the stages: before that, its absence means nothing.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ...models.features import Modality, Prediction
from ...stream.clock import Clock
from ...stream.packet import MODALITIES, NS_PER_MS, Packet
from ..events import Event, MeasurementResult, MeasurementRevised
from ..handover import Handover
from ..intake import Intake, Jobs, SessionSetup, Tap
from ..job import PIECES, STAMPS
from ..journal import CloseReason
from ..predictors import ModelIdentity
from ..stages.reports import OUTLINE
from .damage import LiveDamage
from .trace import Closing, Traces

TRANSIT_NS: Final = 100 * NS_PER_MS
MOST_TRANSIT_NS: Final = 500 * NS_PER_MS
SPARE_NS: Final = 30 * NS_PER_MS
LIVE_ONLY: Final = frozenset({STAMPS, PIECES, OUTLINE})
LEVEL_NS: Final = 250 * NS_PER_MS
"""How often viewers are shown how loud it is."""
EASE: Final = 0.002
"""Share of its excess that the transit loses with each packet, so that one slow moment passes."""
QUICK_EASE: Final = 0.02
"""The same for how late things are at present: below a second, so that an end is soon seen."""
MOST_OUT: Final[Mapping[Modality, int]] = {"face": 3, "audio": 25}
"""Pieces under way through a stage; beyond, the stage is too slow and new ones are dropped."""


@dataclass(slots=True)
class StreamCounts:
    """Where the media of one stream went: offered = answered + dropped + under way.

    Attributes:
        offered: pieces that came from the source.
        sent: pieces that went to the stage and were not lost in it.
        answered: pieces that came back from it as features.
        dropped: by reason.
    """

    offered: int = 0
    sent: int = 0
    answered: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def drop(self, reason: str) -> None:
        """Count a piece that is lost."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    @property
    def under_way(self) -> int:
        """Pieces in the stage."""
        return self.sent - self.answered

    def lose(self, reason: str) -> None:
        """Everything under way is lost."""
        if self.under_way:
            self.dropped[reason] = self.dropped.get(reason, 0) + self.under_way
        self.sent = self.answered


class LiveSession:
    """Logic of one live session.

    Args:
        setup: what it is.
        identity: the model that reads its windows.
        clock: reads 0 at the session's start.
        anchor_ns: what the monotonic clock read then.
        tap: is told all inputs.
    """

    def __init__(
        self,
        setup: SessionSetup,
        identity: ModelIdentity,
        clock: Clock,
        anchor_ns: int,
        tap: Tap | None = None,
    ) -> None:
        self.setup: Final = setup
        self.damage: Final = LiveDamage()
        self.counts: Final = {m: StreamCounts() for m in MODALITIES}
        self.ended: set[Modality] = set(setup.disabled)
        self._clock = clock
        self._anchor_ns = anchor_ns
        self._transit_ns = float(TRANSIT_NS)
        self._late_ns = 0.0
        self._intake = Intake(setup, identity, tap)
        self._traces = Traces()
        self._level_due_ns = 0
        self._views: deque[dict[str, Any]] = deque(maxlen=64)
        self._first: list[Event] = [self._intake.ready]

    @property
    def now_ns(self) -> int:
        """Session time by the clock."""
        return self._clock.now_ns()

    @property
    def transit_ns(self) -> int:
        """How long what is captured needs to get here, at present."""
        return round(self._transit_ns)

    @property
    def late_ns(self) -> int:
        """The same by what came in the last second alone, whatever was learned before."""
        return round(self._late_ns)

    @property
    def waiting(self) -> int:
        """Windows that are being read."""
        return self._intake.journal.waiting

    def route(self, media: Packet) -> Iterator[tuple[Modality, Packet]]:
        """What the stages get of a piece of media, after damage done on purpose."""
        counts = self.counts[media.modality]
        counts.offered += 1
        if media.modality in self.ended:
            counts.drop("after_end")
            return
        damaged = self.damage.apply(media)
        if damaged is None:
            counts.drop("injected")
            return
        speaks = media.modality == "audio" and "text" not in self.ended
        if speaks and not self.damage.words_cut(media.t_capture_ns):
            yield "text", damaged
        yield media.modality, damaged

    def has_room(self, modality: Modality) -> bool:
        """Whether a stage keeps up with this session, so that it may be sent one more piece."""
        most = MOST_OUT.get(modality)
        counts = self.counts[modality]
        return most is None or counts.under_way < most

    def stage_restarted(self, modality: Modality) -> None:
        """What was under way through the stage is lost."""
        self.counts[modality].lose("stage_down")

    def handovers(self) -> list[Handover]:
        """Where everything went on its way from the engine to results."""
        rows = [
            Handover("stage", m, c.offered, c.answered, dict(c.dropped), c.under_way)
            for m, c in self.counts.items()
            if m != "text"
        ]
        for modality, frames in self._intake.counts().items():
            dropped = {str(reason): count for reason, count in frames.dropped.items()}
            rows.append(
                Handover("windows", modality, frames.offered, frames.used, dropped, frames.pending)
            )
        journal = self._intake.journal
        answered = journal.asked - journal.waiting
        return [*rows, Handover("results", "all", journal.asked, answered, {}, journal.waiting)]

    def accept(self, packet: Packet, arrived_ns: int) -> Jobs:
        """Take what a stage gave; windows that are due because of it are to be read now.

        Args:
            packet: features, words or the end of a stream.
            arrived_ns: when it came, monotonic clock.
        """
        if packet.kind == "end":
            self.ended.add(packet.modality)
        elif packet.modality != "text":
            pieces = packet.meta.get(PIECES, 1)
            counts = self.counts[packet.modality]
            came = pieces if isinstance(pieces, int) else 1
            # What a stage answers just before it ends has been counted as lost already.
            counts.answered = min(counts.answered + came, counts.sent)
        outline = packet.meta.get(OUTLINE)
        if isinstance(outline, list):
            self._views.append(
                {
                    "type": "view.face",
                    "t_ms": packet.t_capture_ns // NS_PER_MS,
                    "outline": outline or None,
                }
            )
        self._show_level(packet)
        meta = {k: v for k, v in packet.meta.items() if k not in LIVE_ONLY}
        self._learn_transit(packet)
        now_ns = max(self._intake.now_ns, self.now_ns - self.transit_ns)
        kept = replace(packet, participant=self.setup.participant, t_available_ns=now_ns, meta=meta)
        jobs = self._intake.accept(kept)
        self._traces.closed(jobs, Closing(arrived_ns, self._anchor_ns, packet))
        return jobs

    def tick(self, at_ns: int) -> Jobs:
        """Let time pass; `at_ns` is the monotonic clock's now."""
        jobs = self._intake.advance(max(0, self.now_ns - self.transit_ns))
        self._traces.closed(jobs, Closing(at_ns, self._anchor_ns))
        return jobs

    def failed(self, modality: Modality, code: str, detail: str) -> Jobs:
        """The stage of a modality is gone for now."""
        self._intake.note(code, detail)
        return self._intake.failed(modality, code)

    def note(self, code: str, message: str) -> None:
        """Something happened that people should know of."""
        self._intake.note(code, message)

    def asked(self, number: int, at_ns: int) -> None:
        """A window was given to the recognizer."""
        self._traces.reached(number, at_ns)

    def answer(self, number: int, prediction: Prediction, took_ns: int, at_ns: int) -> None:
        """A window was read."""
        self._traces.reached(number, at_ns)
        self._intake.journal.answer(number, prediction, took_ns)

    def flush(self, at_ns: int) -> list[Event]:
        """Events that are certain by now, with their latencies."""
        events, self._first = [*self._first, *self._intake.journal.flush()], []
        return [self._with_latency(event, at_ns) for event in events]

    def views(self) -> list[dict[str, Any]]:
        """What only viewers get, since the last call."""
        views = list(self._views)
        self._views.clear()
        return views

    def finish(self) -> Jobs:
        """Close the windows that are still open."""
        return self._intake.finish()

    def close(self, reason: CloseReason, at_ns: int) -> list[Event]:
        """The last events."""
        return [*self.flush(at_ns), *self._intake.close(reason)]

    def _show_level(self, packet: Packet) -> None:
        measures = packet.meta.get("measures")
        heard = packet.modality == "audio" and isinstance(measures, dict) and "rms_db" in measures
        if not heard or packet.t_capture_ns < self._level_due_ns:
            return
        assert isinstance(measures, dict)
        self._level_due_ns = packet.t_capture_ns + LEVEL_NS
        t_ms, level_db = packet.t_capture_ns // NS_PER_MS, round(float(measures["rms_db"]), 1)
        self._views.append({"type": "view.level", "t_ms": t_ms, "db": level_db})

    def _learn_transit(self, packet: Packet) -> None:
        """Machines under load are late; a stream that is merely late must not count as lost."""
        if packet.kind != "feature":
            return
        late_ns = self.now_ns - packet.t_end_ns + SPARE_NS
        self._late_ns = max(late_ns, self._late_ns * (1 - QUICK_EASE))
        eased_ns = self._transit_ns - EASE * (self._transit_ns - TRANSIT_NS)
        self._transit_ns = min(max(eased_ns, late_ns, TRANSIT_NS), MOST_TRANSIT_NS)

    def _with_latency(self, event: Event, at_ns: int) -> Event:
        if not isinstance(event, MeasurementResult | MeasurementRevised):
            return event
        trace = self._traces.pop(event.window.end_ms, event.revision)
        if trace is None:
            return event
        return event.model_copy(update={"latency_ms": trace.latency_ms(at_ns)})
