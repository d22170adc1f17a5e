"""The heart of a session: packets in, health changes and windows to read out.

Pure: it has no socket, process or clock. Session time is what its caller says, so a recording and a
live session take the same path, and a test can run a day in a second. What it gives is in the order
in which it became true; `journal` turns that into events.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ..models.features import MODALITIES, FeatureFrame, FeatureWindow, Modality
from ..stream.packet import NS_PER_MS, Packet
from .health import Health, HealthMonitor
from .quality import Quality
from .stages.reports import quality_of
from .window import ClosedWindow, WindowConfig, Windower, WindowStatistics

TICK_NS: Final = 50 * NS_PER_MS


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


class Hub:
    """One participant's session logic.

    Args:
        participant: whose packets.
        dims: length of each modality's feature vectors.
        config: how windows are cut.
        min_coverage: least share of measured bins for a modality to be used.
        disabled: modalities that take no part, with the reason.
    """

    def __init__(
        self,
        participant: str,
        dims: Mapping[Modality, int],
        config: WindowConfig,
        min_coverage: float,
        disabled: Mapping[Modality, str],
    ) -> None:
        self._participant = participant
        self._dims = dims
        self._min_coverage = min_coverage
        self._windower = Windower(participant, config, dims)
        self._monitor = HealthMonitor(participant, MODALITIES)
        self._disabled = disabled
        self._now_ns = 0
        self._next_tick_ns = TICK_NS
        self._end_ns = 0

    @property
    def now_ns(self) -> int:
        """Session time reached so far."""
        return self._now_ns

    def start(self) -> list[Output]:
        """First outputs: what is switched off from the start."""
        changes: list[Output] = []
        for modality, reason in self._disabled.items():
            self._windower.set_active(modality, False)
            changes += self._monitor.disable(modality, 0, reason)
        return changes

    def accept(self, packet: Packet) -> list[Output]:
        """Take the next packet in order of availability."""
        outputs = self.advance(packet.t_available_ns)
        match packet.kind:
            case "feature":
                outputs += self._feature(packet)
            case "transcript":
                outputs.append(self._transcript(packet))
            case "bound":
                outputs += self._observe(packet, Quality())
                self._windower.advance(packet.modality, packet.t_end_ns)
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
        outputs = self._observe(packet, quality)
        if quality.masked and quality.since_ns is not None:
            self._windower.mask(packet.modality, quality.since_ns, packet.t_end_ns)
        trust = 0.0 if quality.masked else 1.0
        for frame in self._frames(packet, trust):
            self._windower.add(frame)
        self._windower.advance(packet.modality, _integer(packet.meta["watermark_ns"]))
        return outputs

    def _frames(self, packet: Packet, trust: float) -> Iterable[FeatureFrame]:
        if not packet.data.size:
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

    def _transcript(self, packet: Packet) -> Words:
        frame: Any = packet.meta.get("frame")
        if frame is not None:
            t_ns, duration_ns, quality = frame
            self._windower.add(
                FeatureFrame(
                    "text", self._participant, t_ns, duration_ns, packet.data, float(quality)
                )
            )
        words: Any = packet.meta["words"]
        return Words(
            packet.t_capture_ns,
            packet.t_end_ns,
            bool(packet.meta["final"]),
            tuple((str(w), int(a), int(b), float(p)) for w, a, b, p in words),
            str(packet.meta["language"]),
        )

    def _observe(self, packet: Packet, quality: Quality) -> list[Output]:
        return [
            *self._monitor.observe(
                packet.modality, packet.t_capture_ns, packet.duration_ns, quality
            )
        ]

    def _due(self) -> list[Output]:
        return self._jobs(self._windower.poll(self._now_ns))

    def _jobs(self, closed: Iterable[ClosedWindow]) -> list[Output]:
        return [
            WindowJob(replace(c, window=self._usable_part(c.window)), self._health())
            for c in closed
        ]

    def _health(self) -> dict[Modality, Health]:
        return {modality: self._monitor.state(modality) for modality in MODALITIES}

    def _usable_part(self, window: FeatureWindow) -> FeatureWindow:
        """Take out modalities whose sensor cannot be trusted now, or that were hardly measured."""
        masks = dict(window.mask)
        for modality in MODALITIES:
            enough = window.coverage[modality] >= self._min_coverage
            if not (enough and self._monitor.usable(modality)):
                masks[modality] = np.zeros_like(masks[modality])
        return replace(window, mask=masks)


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"not an integer: {value!r}")
    return value
