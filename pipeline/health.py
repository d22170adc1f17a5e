"""Which streams can be trusted right now, decided in event time from what they deliver.

The rules are data in `health_rules`; this module turns observations and the passing of time into
signals and follows the table. Deadlines take effect, and are stamped, at the very time they fall
due, however late somebody looks, so the same stream gives the same health at any speed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..stream.packet import NS_PER_MS, Modality
from .health_rules import (
    FINDINGS,
    LOW_RATE,
    STATE,
    TRANSITIONS,
    USABLE,
    HealthConfig,
    HealthState,
    Phase,
    Signal,
    StreamRules,
)
from .quality import Quality, QualityFlag
from .rate import RateMeter

PICTURE_NS: Final = 100 * NS_PER_MS
"""Longest that one picture vouches for its stream, whatever duration a file claims for it."""

SIMILAR: Final = 1.5
"""Two gaps are alike when neither is this many times as long as the other."""

SOUND: Final = frozenset({Phase.OK, Phase.BLEMISHED})
PROVING: Final = frozenset({Phase.FAULTY, Phase.RECOVERING, Phase.LOST, Phase.MUTED})
"""Phases that a stream leaves only by proving itself for as long as its history demands."""


@dataclass(frozen=True, slots=True)
class Health:
    """How one stream of one participant is doing.

    Attributes:
        participant: whose stream.
        modality: which one.
        state: see `HealthState`.
        reason: why it is not ok: a quality flag, "no_data", "stalled", "low_rate" or what the
            caller named; None when it is ok, starting or recovering.
        t_ns: when it was found, session clock.
        since_ns: when what it names began; at most `t_ns`.
        evidence: the numbers behind it.
    """

    participant: str
    modality: Modality
    state: HealthState
    reason: str | None
    t_ns: int
    since_ns: int
    evidence: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Track:
    """What is known of one stream."""

    rules: StreamRules
    rate: RateMeter
    start_ns: int
    health: Health
    phase: Phase = Phase.STARTING
    now_ns: int = 0
    ended: bool = False
    t_ns: int | None = None  # latest observation
    due_ns: int = 0  # when the next one is expected
    gap_ns: int = 0  # length of the gap that has just ended
    alive_ns: int = 0  # end of the latest content that was no fault
    good_count: int = 0
    good_since_ns: int = 0
    fault_since_ns: int | None = None
    fault: str | None = None
    blemish: str | None = None
    blemish_since_ns: int | None = None
    blemish_ns: int | None = None
    failures: int = 0
    recovered_ns: int | None = None
    measures: Mapping[str, float] = field(default_factory=dict)

    @property
    def stale_ns(self) -> int:
        return self.due_ns + max(2 * self.rate.typical_ns, self.rules.slack_ns)

    @property
    def expired_ns(self) -> int:
        if self.t_ns is None:
            return self.start_ns + self.rules.start_ns
        return self.alive_ns + self.rules.expire_ns


class HealthMonitor:
    """Follows the health of all streams of one participant.

    Every method returns the changes that it brought about, ordered by time, then by modality in the
    order given here.

    Args:
        participant: whose streams.
        modalities: the streams that are expected.
        config: limits.
        start_ns: when the session began, session clock.
    """

    def __init__(
        self,
        participant: str,
        modalities: Iterable[Modality],
        config: HealthConfig | None = None,
        start_ns: int = 0,
    ) -> None:
        self._config = config or HealthConfig()
        self._tracks: dict[Modality, _Track] = {}
        for modality in modalities:
            rules = self._config.streams[modality]
            self._tracks[modality] = _Track(
                rules=rules,
                rate=RateMeter(rules.interval_ns, self._config.least_rate, rules.slowest_ns),
                start_ns=start_ns,
                now_ns=start_ns,
                alive_ns=start_ns,
                health=Health(
                    participant, modality, HealthState.STARTING, None, start_ns, start_ns
                ),
            )

    def state(self, modality: Modality) -> Health:
        """The present health of a stream.

        Raises:
            KeyError: the stream is not followed.
        """
        return self._tracks[modality].health

    def usable(self, modality: Modality) -> bool:
        """Whether features of the stream count as measured now, bar those masked one by one."""
        return self._tracks[modality].phase in USABLE

    def tick(self, now_ns: int) -> list[Health]:
        """Let session time pass; earlier times than before are ignored."""
        changes = [c for track in self._tracks.values() for c in self._pass_time(track, now_ns)]
        return sorted(changes, key=lambda change: change.t_ns)

    def observe(
        self, modality: Modality, t_ns: int, duration_ns: int, quality: Quality
    ) -> list[Health]:
        """Take in one piece of a stream; a piece that is not newer than the last one is ignored.

        Args:
            modality: which stream.
            t_ns: its start, session clock.
            duration_ns: its length.
            quality: what the checks found in it.
        """
        track = self._tracks[modality]
        if track.ended or (track.t_ns is not None and t_ns <= track.t_ns):
            return []
        seen_ns = t_ns + duration_ns if track.rules.at_end else t_ns
        changes = self._pass_time(track, seen_ns)
        _note_arrival(track, t_ns, duration_ns)
        signals = self._judge(track, t_ns, duration_ns, quality)
        for signal in signals:
            if signal in TRANSITIONS[track.phase]:
                changes.append(self._enter(track, signal, max(seen_ns, track.now_ns)))
                break
        return changes

    def disable(self, modality: Modality, now_ns: int, reason: str) -> list[Health]:
        """Switch a stream off for good, e.g. because what it needs is not installed."""
        return self._tell(modality, now_ns, Signal.DISABLE, reason)

    def source_failed(self, modality: Modality, now_ns: int, reason: str) -> list[Health]:
        """Take note that the worker or device of a stream is gone, without waiting for its data."""
        return self._tell(modality, now_ns, Signal.FAILED, reason)

    def ended(self, modality: Modality, now_ns: int) -> list[Health]:
        """Expect nothing more of a stream that finished; one that gave nothing is lost."""
        track = self._tracks[modality]
        changes = self._pass_time(track, now_ns)
        if track.phase is Phase.STARTING:
            track.fault = track.rules.stale_reason
            changes.append(self._enter(track, Signal.EXPIRED, max(now_ns, track.now_ns)))
        track.ended = True
        return changes

    def _tell(self, modality: Modality, now_ns: int, signal: Signal, reason: str) -> list[Health]:
        track = self._tracks[modality]
        changes = [] if signal is Signal.DISABLE else self._pass_time(track, now_ns)
        if signal in TRANSITIONS[track.phase]:
            at_ns = max(now_ns, track.now_ns)
            track.fault, track.fault_since_ns = reason, at_ns
            track.good_count = 0
            changes.append(self._enter(track, signal, at_ns))
        return changes

    def _pass_time(self, track: _Track, now_ns: int) -> list[Health]:
        changes: list[Health] = []
        while not track.ended:
            row = TRANSITIONS[track.phase]
            at_ns, signal = now_ns + 1, Signal.STALE
            if Signal.EXPIRED in row:
                at_ns, signal = track.expired_ns, Signal.EXPIRED
            if track.t_ns is not None and Signal.STALE in row and track.stale_ns < at_ns:
                at_ns, signal = track.stale_ns, Signal.STALE
            if at_ns > now_ns:
                break
            if track.t_ns is None or track.stale_ns <= at_ns or track.fault is None:
                track.fault = track.rules.stale_reason
            # What comes late after that has to prove itself anew, or a stream that lags for good
            # would be ok at each of its pieces and stale between them.
            track.good_count = 0
            changes.append(self._enter(track, signal, max(at_ns, track.now_ns)))
        track.now_ns = max(track.now_ns, now_ns)
        return changes

    def _judge(
        self, track: _Track, t_ns: int, duration_ns: int, quality: Quality
    ) -> tuple[Signal, ...]:
        """Update what is known and say what this piece signals, most weighty first."""
        track.measures = quality.measures
        flag = next((f for f in FINDINGS if f in quality.flags), None)
        signal = FINDINGS[flag].signal if flag is not None else Signal.GOOD
        if flag is None or signal is Signal.BLEMISH:
            return self._judge_good(track, t_ns, duration_ns, flag)
        began_ns = t_ns if quality.since_ns is None else min(quality.since_ns, t_ns)
        if track.fault_since_ns is None or began_ns < track.fault_since_ns:
            track.fault_since_ns = began_ns
        track.fault, track.good_count = str(flag), 0
        if signal is Signal.SILENCE:
            track.alive_ns = t_ns + duration_ns
        else:
            track.alive_ns = min(track.alive_ns, track.fault_since_ns)
        lasted_ns = t_ns - track.fault_since_ns
        return (signal,) if lasted_ns >= FINDINGS[flag].dwell_ns else ()

    def _judge_good(
        self, track: _Track, t_ns: int, duration_ns: int, flag: QualityFlag | None
    ) -> tuple[Signal, ...]:
        config = self._config
        if track.good_count == 0:
            track.good_since_ns = t_ns
        track.good_count += 1
        track.fault = track.fault_since_ns = None
        lasts_ns = duration_ns if track.rules.at_end else min(duration_ns, PICTURE_NS)
        track.alive_ns = max(track.alive_ns, t_ns + lasts_ns)
        blemish = str(flag) if flag is not None else LOW_RATE if track.rate.slow else None
        if blemish is None:
            track.blemish = track.blemish_since_ns = None
        else:
            track.blemish_since_ns = (
                t_ns if track.blemish_since_ns is None else track.blemish_since_ns
            )
            track.blemish, track.blemish_ns = blemish, t_ns
        lasted_ns = t_ns - track.good_since_ns
        hold_ns = config.holds_ns[min(track.failures, len(config.holds_ns) - 1)]
        if track.phase in PROVING and lasted_ns < hold_ns:
            # Short gaps cost no trust; one that was lost or muted stays so until it has proved
            # itself.
            return () if track.phase in (Phase.LOST, Phase.MUTED) else (Signal.GOOD,)
        signals: list[Signal] = []
        dwell_ns = FINDINGS[flag].dwell_ns if flag is not None else 0
        if track.blemish_since_ns is not None and t_ns - track.blemish_since_ns >= dwell_ns:
            signals.append(Signal.BLEMISH)
        calm = track.blemish_ns is None or t_ns - track.blemish_ns >= config.calm_ns
        if calm and track.good_count >= config.steady_count and lasted_ns >= hold_ns:
            signals.append(Signal.STEADY)
        return (*signals, Signal.GOOD)

    def _enter(self, track: _Track, signal: Signal, at_ns: int) -> Health:
        before, track.phase = track.phase, TRANSITIONS[track.phase][signal]
        if before in SOUND or before is Phase.RECOVERING:
            self._count_failure(track, before, at_ns)
        if track.phase in SOUND and before not in (Phase.STARTING, Phase.OK):
            track.recovered_ns = at_ns
        reason, since_ns = _cause(track, signal, at_ns)
        evidence = {
            **{name: round(value, 4) for name, value in track.measures.items()},
            "age_ms": max(0, at_ns - track.alive_ns) // NS_PER_MS,
            "rate_share": round(track.rate.share, 4),
        }
        track.health = Health(
            participant=track.health.participant,
            modality=track.health.modality,
            state=STATE[track.phase],
            reason=reason,
            t_ns=at_ns,
            since_ns=min(since_ns, at_ns),
            evidence=evidence,
        )
        return track.health

    def _count_failure(self, track: _Track, before: Phase, at_ns: int) -> None:
        if track.phase is Phase.OK or (before is Phase.RECOVERING and track.phase in SOUND):
            return
        young = track.recovered_ns is not None and (
            at_ns - track.recovered_ns < self._config.settle_ns
        )
        track.failures = track.failures + 1 if young or before is Phase.RECOVERING else 0


def _note_arrival(track: _Track, t_ns: int, duration_ns: int) -> None:
    if track.t_ns is not None:
        interval_ns = t_ns - track.t_ns
        if track.due_ns + track.rules.slack_ns >= t_ns:
            track.rate.add(interval_ns)
            track.gap_ns = 0
        else:
            # Gaps of the same length, one after another, are the rhythm of a slow stream.
            if track.gap_ns <= SIMILAR * interval_ns and interval_ns <= SIMILAR * track.gap_ns:
                track.rate.add(interval_ns)
            track.good_count, track.gap_ns = 0, interval_ns
    track.t_ns = t_ns
    ahead_ns = duration_ns if track.rules.at_end else track.rate.typical_ns
    track.due_ns = max(track.due_ns, t_ns + ahead_ns)


def _cause(track: _Track, signal: Signal, at_ns: int) -> tuple[str | None, int]:
    """Reason and beginning of the state that a signal has led to."""
    match signal:
        case Signal.GOOD | Signal.STEADY:
            return None, track.good_since_ns if signal is Signal.GOOD else at_ns
        case Signal.BLEMISH:
            began_ns = track.blemish_since_ns
            return track.blemish, at_ns if began_ns is None else began_ns
        case Signal.STALE | Signal.EXPIRED:
            return track.fault, track.alive_ns
        case _:
            return track.fault, at_ns if track.fault_since_ns is None else track.fault_since_ns
