"""The events of a session, in one certain order.

A window's place is taken when it closes; its event appears once its prediction is there, and what
came after it waits. So the order never depends on how fast a prediction was made.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ..models.features import Modality, Prediction
from ..stream.packet import NS_PER_MS
from .consent import Terms
from .event_builders import Sequencer, measurement, sensor_health, to_ms, window_drops
from .events import (
    ErrorEvent,
    Event,
    ModalityStart,
    ModelRef,
    SessionClosed,
    SessionReady,
    TranscriptFinal,
    TranscriptPartial,
    Word,
)
from .health import Health
from .hub import Output, WindowJob, Words
from .window import WindowConfig
from .window_track import WindowStatistics

CloseReason = Literal["end", "interrupted", "error"]


@dataclass(slots=True, eq=False)
class _Entry:
    output: Output | ErrorEvent
    prediction: Prediction | None = None
    took_ns: int = 0

    @property
    def ready(self) -> bool:
        return not isinstance(self.output, WindowJob) or self.prediction is not None


class Journal:
    """Orders, numbers and writes events.

    Args:
        session_id: name of the session.
        participant: whose session.
        model: what makes the predictions.
    """

    def __init__(self, session_id: str, participant: str, model: ModelRef) -> None:
        self._session_id: Final = session_id
        self._participant = participant
        self._model = model
        self._sequencer = Sequencer(session_id)
        self._entries: deque[_Entry] = deque()
        self._asked: dict[int, _Entry] = {}
        self._jobs = 0
        self.windows = 0

    @property
    def asked(self) -> int:
        """Windows for which a prediction was wanted so far."""
        return self._jobs

    @property
    def waiting(self) -> int:
        """Windows whose prediction has not come yet."""
        return len(self._asked)

    def ready(
        self,
        source: str,
        config: WindowConfig,
        starts: dict[Modality, ModalityStart],
        anchor_utc: str | None,
        terms: Terms,
    ) -> Event:
        """The first event; a live session says at what time of day its time 0 was."""
        return SessionReady(
            **self._sequencer.next()._asdict(),
            source=source,
            anchor_utc=anchor_utc,
            participants=(self._participant,),
            window_ms=config.grid.window_ns // NS_PER_MS,
            hop_ms=config.hop_ns // NS_PER_MS,
            modalities=starts,
            model=self._model,
            purpose=terms.purpose,
            consent=terms.consent,
            exception=terms.exception or None,
        )

    def add(self, outputs: Iterable[Output]) -> list[tuple[int, WindowJob]]:
        """Take what the hub gave.

        Returns:
            windows to be read, each with the number under which to `answer` it.
        """
        jobs = []
        for output in outputs:
            entry = _Entry(output)
            self._entries.append(entry)
            if isinstance(output, WindowJob):
                self._asked[self._jobs] = entry
                jobs.append((self._jobs, output))
                self._jobs += 1
        return jobs

    def answer(self, job: int, prediction: Prediction, took_ns: int) -> None:
        """Take a prediction; one that nobody waits for any more is passed over."""
        entry = self._asked.pop(job, None)
        if entry is not None:
            entry.prediction, entry.took_ns = prediction, took_ns

    def error(self, code: str, message: str, t_ns: int, *, fatal: bool = False) -> None:
        """Note that something went wrong."""
        self._entries.append(
            _Entry(
                ErrorEvent(
                    session_id=self._session_id,
                    seq=0,
                    t_ms=to_ms(t_ns),
                    code=code,
                    message=message,
                    fatal=fatal,
                )
            )
        )

    def flush(self) -> list[Event]:
        """The events that are certain by now."""
        events = []
        while self._entries and self._entries[0].ready:
            events.append(self._event(self._entries.popleft()))
        return events

    def close(
        self, t_ns: int, counts: Mapping[Modality, WindowStatistics], reason: CloseReason
    ) -> list[Event]:
        """The last events: where all data went, and the end."""
        events: list[Event] = [
            window_drops(self._sequencer.next(), t_ns, self._participant, modality, counted)
            for modality, counted in counts.items()
        ]
        stamp = self._sequencer.next()._asdict()
        events.append(SessionClosed(**stamp, t_ms=to_ms(t_ns), reason=reason, windows=self.windows))
        return events

    def _event(self, entry: _Entry) -> Event:
        output, stamp = entry.output, self._sequencer.next()
        if isinstance(output, ErrorEvent):
            return output.model_copy(update={"seq": stamp.seq})
        if isinstance(output, Health):
            return sensor_health(stamp, output)
        if isinstance(output, Words):
            return self._transcript(output, stamp.seq)
        assert entry.prediction is not None
        self.windows += output.closed.revision == 0
        latency_ms = {"predict": entry.took_ns / NS_PER_MS}
        return measurement(
            stamp, output.closed, entry.prediction, output.health, self._model, latency_ms
        )

    def _transcript(self, words: Words, seq: int) -> Event:
        kind = TranscriptFinal if words.final else TranscriptPartial
        return kind(
            session_id=self._session_id,
            seq=seq,
            participant=self._participant,
            start_ms=to_ms(words.t0_ns),
            end_ms=to_ms(words.t1_ns),
            text=" ".join(text.strip() for text, *_ in words.words),
            language=words.language or None,
            words=tuple(
                Word(text=text, start_ms=to_ms(t0), end_ms=to_ms(t1), probability=share)
                for text, t0, t1, share in words.words
            ),
        )
