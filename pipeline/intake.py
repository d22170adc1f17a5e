"""The one way into a session: what comes in here, in this order, decides all its events.

Whoever keeps the inputs can make the events anew: `recorder` does, `recorded` plays them again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from ..models.baseline_store import load_baseline
from ..models.features import Modality
from ..stream.packet import NS_PER_MS, Packet
from .baseline import SessionBaseline
from .config import Settings
from .consent import Terms, terms_for
from .events import Event, ModelRef
from .hub import Hub, Output, WindowJob, WindowRules
from .journal import CloseReason, Journal
from .plan import starts_of, window_config
from .predictors import ModelIdentity
from .window_track import WindowStatistics

Jobs = list[tuple[int, WindowJob]]


class Tap(Protocol):
    """Is told every input before it takes effect."""

    def accepted(self, packet: Packet) -> None:
        """A packet came."""

    def advanced(self, now_ns: int) -> None:
        """Session time passed without a packet, and it mattered."""

    def failed(self, modality: Modality, reason: str) -> None:
        """A source failed."""

    def noted(self, code: str, message: str) -> None:
        """Something else went wrong."""

    def finished(self) -> None:
        """Every source has ended."""


@dataclass(frozen=True, slots=True)
class SessionSetup:
    """What a session is, before any data.

    Attributes:
        session_id: its name.
        participant: who takes part.
        source: file or device.
        settings: how windows are cut and read.
        disabled: modalities that take no part, with the reason.
        anchor_utc: time of day of session time 0, ISO 8601; None where it has none.
        start_ns: session time at which it begins; more than 0 where its beginning is not there.
        terms: purpose and consent; None: those of whoever runs the program (`consent.own_terms`).

    Raises:
        ConsentError: no session may begin under these terms.
    """

    session_id: str
    participant: str
    source: str
    settings: Settings
    disabled: Mapping[Modality, str]
    anchor_utc: str | None = None
    start_ns: int = 0
    terms: Terms | None = None

    def __post_init__(self) -> None:
        """No session without terms: this is the one door that all of them come through."""
        object.__setattr__(self, "terms", terms_for(self.participant, self.terms))

    @property
    def agreed(self) -> Terms:
        """The terms, which are always there."""
        assert self.terms is not None
        return self.terms


class Intake:
    """Hub and journal as one; every method gives the windows that are to be read now.

    Args:
        setup: what the session is.
        identity: the model that reads its windows.
        tap: is told all inputs.
    """

    def __init__(
        self, setup: SessionSetup, identity: ModelIdentity, tap: Tap | None = None
    ) -> None:
        settings = setup.settings
        config = window_config(settings)
        rules = WindowRules(settings.windows.settle_ms * NS_PER_MS, settings.windows.min_coverage)
        model = ModelRef(id=identity.id, sha256=identity.sha256)
        self._hub = Hub(
            setup.participant, identity.dims, config, rules, setup.disabled, setup.start_ns
        )
        self.journal = Journal(setup.session_id, setup.participant, model)
        self.ready: Event = self.journal.ready(
            setup.source, config, starts_of(setup.disabled), setup.anchor_utc, setup.agreed
        )
        self._baseline: SessionBaseline | None = None
        if settings.baseline.mode != "off":
            stored = load_baseline(settings.weights)
            self._baseline = SessionBaseline(settings.baseline, stored, config.grid)
        self._tap = tap
        self._untold_ns: int | None = None
        self.journal.add(self._hub.start())

    @property
    def now_ns(self) -> int:
        """Session time reached so far."""
        return self._hub.now_ns

    def counts(self) -> Mapping[Modality, WindowStatistics]:
        """Where each modality's feature frames went."""
        return self._hub.counts()

    def accept(self, packet: Packet) -> Jobs:
        """Take the next packet in order of availability."""
        if self._tap is not None:
            if self._untold_ns is not None and self._untold_ns > packet.t_available_ns:
                self._tap.advanced(self._untold_ns)
            # Otherwise the packet itself brings session time that far.
            self._untold_ns = None
            self._tap.accepted(packet)
        return self._jobs(self._hub.accept(packet))

    def advance(self, now_ns: int) -> Jobs:
        """Let session time pass without data."""
        if now_ns <= self._hub.now_ns:
            return []
        self._untold_ns = now_ns
        outputs = self._hub.advance(now_ns)
        if outputs:
            self._tell_time()
        return self._jobs(outputs)

    def failed(self, modality: Modality, reason: str) -> Jobs:
        """A source has died; its data stop until it comes back."""
        self._tell_time()
        if self._tap is not None:
            self._tap.failed(modality, reason)
        return self._jobs(self._hub.failed(modality, reason))

    def note(self, code: str, message: str) -> None:
        """Something went wrong that people should know of."""
        self._tell_time()
        if self._tap is not None:
            self._tap.noted(code, message)
        self.journal.error(code, message, self._hub.now_ns)

    def finish(self) -> Jobs:
        """Close the windows that are still open when every source has ended."""
        self._tell_time()
        if self._tap is not None:
            self._tap.finished()
        return self._jobs(self._hub.finish())

    def close(self, reason: CloseReason) -> list[Event]:
        """The last events."""
        events = self.journal.flush()
        return [*events, *self.journal.close(self._hub.now_ns, self._hub.counts(), reason)]

    def _jobs(self, outputs: list[Output]) -> Jobs:
        """Put outputs into the journal, windows as the person's baseline shows them."""
        baseline = self._baseline
        if baseline is not None:
            outputs = [
                replace(out, closed=baseline.apply(out.closed))
                if isinstance(out, WindowJob)
                else out
                for out in outputs
            ]
        return self.journal.add(outputs)

    def _tell_time(self) -> None:
        if self._tap is not None and self._untold_ns is not None:
            self._tap.advanced(self._untold_ns)
        self._untold_ns = None
