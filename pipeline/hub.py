"""The heart of a session: packets in, health changes and windows to read out.

Pure: it has no socket, process or clock. Session time is what its caller says, so a recording and a
live session take the same path, and a test can run a day in a second. What it gives is in the order
in which it became true; `journal` turns that into events.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ..models.features import MODALITIES, FeatureFrame, Modality, PastTokens
from ..stream.packet import NS_PER_MS, Packet
from .health import Health, HealthMonitor
from .health_rules import HealthState
from .past import PastMemory, masked
from .quality import Quality, QualityFlag
from .stages.reports import quality_of
from .window import ClosedWindow, WindowConfig, Windower
from .window_track import WindowStatistics
from .words_check import WordsCheck

TICK_NS: Final = 50 * NS_PER_MS
MAX_REVISABLE: Final = 1000

DELIBERATE: Final = frozenset({HealthState.STARTING, HealthState.MUTED, HealthState.DISABLED})
"""States in which a sensor is silent because it is meant to be: nothing is recovered then."""

DEGRADED_LEVEL: Final = 0.5
"""How far a sensor in the state "degraded" is trusted less than a clean one, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Words:
    """What was said, as far as it is known.

    Attributes:
        t0_ns: start of the phrase.
        t1_ns: its end.
        final: whether the words can still change.
        words: [text, start ns, end ns, probability] each.
        language: two-letter code.
    """

    t0_ns: int
    t1_ns: int
    final: bool
    words: tuple[tuple[str, int, int, float], ...]
    language: str


@dataclass(frozen=True, slots=True, eq=False)
class WindowJob:
    """A window to be read, with the sensors' state at that moment.

    Attributes:
        closed: only modalities that may be used have tokens in it.
        health: per modality.
    """

    closed: ClosedWindow
    health: Mapping[Modality, Health]


Output = Health | Words | WindowJob


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of the sensors when a window was first read.

    Attributes:
        usable: could be trusted.
        lost: take part, but could not be trusted.
        past: what lost ones last measured.
        degraded: delivered less than a clean sensor does.
    """

    usable: frozenset[Modality]
    lost: frozenset[Modality]
    past: Mapping[Modality, PastTokens]
    degraded: frozenset[Modality]


@dataclass(frozen=True, slots=True)
class WindowRules:
    """When a window is read, and what of it.

    Attributes:
        settle_ns: how much later than its end everything must be known before a window is read,
            so that a fault which shows at its very end is not taken for a measurement.
        min_coverage: least share of measured bins for a modality to be used.
    """

    settle_ns: int = 100 * NS_PER_MS
    min_coverage: float = 0.1


class Hub:
    """One participant's session logic.

    Args:
        participant: whose packets.
        dims: length of each modality's feature vectors.
        config: how windows are cut.
        rules: how long windows settle, and how much of a modality they need.
        disabled: modalities that take no part, with the reason.
        start_ns: session time at which it begins; there are no windows that end before.
    """

    def __init__(
        self,
        participant: str,
        dims: Mapping[Modality, int],
        config: WindowConfig,
        rules: WindowRules,
        disabled: Mapping[Modality, str],
        start_ns: int = 0,
    ) -> None:
        self._participant = participant
        self._dims = dims
        self._rules = rules
        self._windower = Windower(participant, config, dims, start_ns)
        self._monitor = HealthMonitor(participant, MODALITIES, start_ns=start_ns)
        self._disabled = disabled
        self._now_ns = start_ns
        self._next_tick_ns = (start_ns // TICK_NS + 1) * TICK_NS
        self._end_ns = 0
        self._unusable_ns: dict[Modality, int] = {}
        self._failing: dict[Modality, bool] = {}
        self._unfit: set[Modality] = set()
        self._found: dict[int, Found] = {}
        self._words = WordsCheck()
        self._past = PastMemory(config.grid.bin_ns, config.text_grace_ns)

    @property
    def now_ns(self) -> int:
        """Session time reached so far."""
        return self._now_ns

    def start(self) -> list[Output]:
        """First outputs: what is switched off from the start."""
        changes: list[Output] = []
        for modality, reason in self._disabled.items():
            self._windower.set_active(modality, False)
            changes += self._monitor.disable(modality, self._now_ns, reason)
        return changes

    def accept(self, packet: Packet) -> list[Output]:
        """Take the next packet in order of availability."""
        outputs = self.advance(packet.t_available_ns)
        match packet.kind:
            case "feature":
                outputs += self._feature(packet)
            case "transcript":
                outputs += self._transcript(packet)
            case "bound":
                outputs += self._observe(packet, self._words.finding(packet))
                self._advance(packet.modality, packet.t_end_ns)
            case "end":
                self._end_ns = max(self._end_ns, packet.t_capture_ns)
                self._windower.set_active(packet.modality, False)
                outputs += self._monitor.ended(packet.modality, self._now_ns)
        return outputs + self._due()

    def advance(self, now_ns: int) -> list[Output]:
        """Let session time pass without data."""
        outputs: list[Output] = []
        while self._next_tick_ns <= now_ns:
            self._now_ns = max(self._now_ns, self._next_tick_ns)
            outputs += self._monitor.tick(self._next_tick_ns)
            outputs += self._due()
            self._next_tick_ns += TICK_NS
        self._now_ns = max(self._now_ns, now_ns)
        return outputs

    def failed(self, modality: Modality, reason: str) -> list[Output]:
        """A source has died; its data stop until it comes back."""
        return [*self._monitor.source_failed(modality, self._now_ns, reason)]

    def finish(self) -> list[Output]:
        """Close the windows that are still open when every source has ended."""
        return self._jobs(self._windower.finish(self._end_ns))

    def health(self, modality: Modality) -> Health:
        """How a modality's sensor is doing."""
        return self._monitor.state(modality)

    def counts(self) -> Mapping[Modality, WindowStatistics]:
        """Where each modality's feature frames went."""
        return self._windower.statistics()

    def _feature(self, packet: Packet) -> list[Output]:
        quality = quality_of(packet.meta)
        if packet.modality == "audio":
            self._words.hear(packet, quality)
        outputs = self._observe(packet, self._with_numbers_checked(quality, packet))
        if quality.masked and quality.since_ns is not None:
            self._windower.mask(packet.modality, quality.since_ns, packet.t_end_ns)
            self._past.forget(packet.modality, quality.since_ns, packet.t_end_ns)
        trust = 0.0 if quality.masked else 1.0
        for frame in self._frames(packet, trust):
            self._windower.add(frame)
        self._advance(packet.modality, _integer(packet.meta["watermark_ns"]))
        return outputs

    def _with_numbers_checked(self, quality: Quality, packet: Packet) -> Quality:
        """The sensor is flagged whose features are no numbers, or of another length than ours.

        A packet without features, such as of a picture between two readings, counts as the last
        one that had some.
        """
        if packet.data.size:
            fits = packet.data.shape[-1] == self._dims[packet.modality]
            good = fits and bool(np.isfinite(packet.data).all())
            (self._unfit.discard if good else self._unfit.add)(packet.modality)
        unfit = packet.modality in self._unfit
        return quality.with_flags(QualityFlag.NONFINITE) if unfit else quality

    def _advance(self, modality: Modality, delivered_ns: int) -> None:
        self._windower.advance(modality, delivered_ns - self._rules.settle_ns)

    def _frames(self, packet: Packet, trust: float) -> Iterable[FeatureFrame]:
        if not packet.data.size or packet.data.shape[-1] != self._dims[packet.modality]:
            return
        frame_ns = _integer(packet.meta["frame_ns"])
        start_ns = _integer(packet.meta.get("frames_ns", packet.t_capture_ns))
        rows = np.atleast_2d(packet.data)
        for k, values in enumerate(rows):
            yield FeatureFrame(
                packet.modality,
                self._participant,
                start_ns + k * frame_ns,
                frame_ns,
                values,
                trust,
            )

    def _transcript(self, packet: Packet) -> list[Output]:
        """Words that were made up are neither told nor used; the health of the stream says so."""
        made_up = self._words.babbles(packet.t_capture_ns, packet.t_end_ns)
        frame: Any = packet.meta.get("frame")
        if frame is not None:
            t_ns, duration_ns, quality = frame
            trust = 0.0 if made_up else float(quality)
            found = FeatureFrame("text", self._participant, t_ns, duration_ns, packet.data, trust)
            if self._windower.add(found) == "late":
                self._words.missed()
        if made_up:
            return []
        words: Any = packet.meta["words"]
        return [
            Words(
                packet.t_capture_ns,
                packet.t_end_ns,
                bool(packet.meta["final"]),
                tuple((str(w), int(a), int(b), float(p)) for w, a, b, p in words),
                str(packet.meta["language"]),
            )
        ]

    def _observe(self, packet: Packet, quality: Quality) -> list[Output]:
        return [
            *self._monitor.observe(
                packet.modality, packet.t_capture_ns, packet.duration_ns, quality
            )
        ]

    def _due(self) -> list[Output]:
        for modality in MODALITIES:
            if not self._monitor.usable(modality):
                self._unusable_ns[modality] = self._now_ns
                state = self.health(modality).state
                # One that comes back was silent for the reason that it had before.
                if state is not HealthState.RECOVERING:
                    self._failing[modality] = state not in DELIBERATE
        return self._jobs(self._windower.poll(self._now_ns))

    def _jobs(self, closed: Iterable[ClosedWindow]) -> list[Output]:
        return [WindowJob(self._usable_part(c), self._health()) for c in closed]

    def _health(self) -> dict[Modality, Health]:
        return {modality: self._monitor.state(modality) for modality in MODALITIES}

    def _usable_part(self, closed: ClosedWindow) -> ClosedWindow:
        """Take out modalities that cannot be trusted at the window's end, or hardly measured."""
        window = closed.window
        found = self._found_at(closed)
        enough = frozenset(
            m for m in found.usable if window.coverage[m] >= self._rules.min_coverage
        )
        used = replace(
            window,
            mask=masked(window.mask, enough),
            lost=found.lost,
            past=found.past,
            degradation=dict.fromkeys(enough & found.degraded, DEGRADED_LEVEL),
        )
        if not closed.revision:
            self._past.keep(used)
        return replace(closed, window=used)

    def _found_at(self, closed: ClosedWindow) -> Found:
        """Modalities whose sensor was fit from the window's end until now, and those that failed.

        A revised window keeps what was found when it was first read; only its words are new.
        """
        t1_ns = closed.window.t1_ns
        usable = frozenset(m for m in MODALITIES if self._unusable_ns.get(m, -1) < t1_ns)
        if closed.revision and closed.index in self._found:
            first = self._found[closed.index]
            usable = (first.usable - {"text"}) | (usable & {"text"})
            return replace(first, usable=usable, lost=first.lost - usable)
        lost = frozenset(m for m in MODALITIES if m not in usable and self._failing.get(m, False))
        past = {m: tokens for m in lost if (tokens := self._past.before(m, t1_ns)) is not None}
        degraded = frozenset(m for m in MODALITIES if self.health(m).state is HealthState.DEGRADED)
        self._found[closed.index] = Found(usable, lost, past, degraded)
        self._found.pop(closed.index - MAX_REVISABLE, None)
        return self._found[closed.index]


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"not an integer: {value!r}")
    return value
