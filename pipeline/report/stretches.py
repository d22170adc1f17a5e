"""Stretches of time in which a sensor gave nothing, or nothing that could be trusted."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from ...models.features import Modality, Source
from ..events import MeasurementResult, MeasurementRevised, SensorHealth
from ..health_rules import FINDINGS, LOW_RATE, HealthState, Signal

Result = MeasurementResult | MeasurementRevised

RESERVATIONS: Final = frozenset(
    {LOW_RATE, *(str(f) for f, found in FINDINGS.items() if found.signal is Signal.BLEMISH)}
)
"""Reasons for which a degraded stream is measured all the same."""

OUT: Final = frozenset({HealthState.LOST, HealthState.MUTED, HealthState.DISABLED})


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring windows in which a sensor was in one condition.

    A window is read at its end, so it stands for the time since the end of the one before it.

    Attributes:
        modality: whose sensor.
        start_ms: first ms.
        end_ms: one past the last ms.
        state: health of its stream.
        source: what the readings had of it.
        reason: why it was not fine, as events name it.
    """

    modality: Modality
    start_ms: int
    end_ms: int
    state: HealthState
    source: Source
    reason: str | None


@dataclass(frozen=True, slots=True)
class Dropout:
    """A time in which a stream gave nothing to measure, as its health tells.

    Attributes:
        participant: whose stream.
        modality: which stream.
        start_ms: when it began, not when it was noticed.
        end_ms: when it ended; the session's end if it never did.
        states: the states that it went through.
        reasons: the reasons given for them.
        lasting: True when it had not ended by the end of the session.
    """

    participant: str
    modality: Modality
    start_ms: int
    end_ms: int
    states: tuple[HealthState, ...]
    reasons: tuple[str, ...]
    lasting: bool

    @property
    def length_ms(self) -> int:
        """How long it was."""
        return self.end_ms - self.start_ms


def steps(results: Sequence[Result], hop_ms: int) -> list[tuple[int, int]]:
    """The time that each window of one participant stands for, (start_ms, end_ms).

    Args:
        results: of one participant, by time.
        hop_ms: distance of windows; also the longest step, so that lost windows leave a hole.
    """
    ends = [r.window.end_ms for r in results]
    firsts = [max(0, ends[0] - hop_ms)] if ends else []
    starts = [max(before, end - hop_ms) for before, end in pairwise(ends)]
    return list(zip([*firsts, *starts], ends, strict=True))


def sensor_stretches(results: Sequence[Result], modality: Modality, hop_ms: int) -> list[Stretch]:
    """How one sensor of one participant was read over the session.

    Args:
        results: of one participant, by time.
        modality: which sensor.
        hop_ms: see `steps`.
    """
    found: list[Stretch] = []
    for result, (start_ms, end_ms) in zip(results, steps(results, hop_ms), strict=True):
        reading = result.modalities.get(modality)
        if reading is None:
            continue
        this = Stretch(
            modality, start_ms, end_ms, reading.state, reading.source, reading.reason or None
        )
        if (
            found
            and replace(found[-1], end_ms=end_ms) == replace(this, start_ms=found[-1].start_ms)
            and found[-1].end_ms == start_ms
        ):
            found[-1] = replace(found[-1], end_ms=end_ms)
        else:
            found.append(this)
    return found


def dropouts(health: Iterable[SensorHealth], end_ms: int) -> list[Dropout]:
    """All dropouts of a session, by participant, sensor and time.

    A degraded stream that could still be measured (dark, blurred, clipped, slow) is none.

    Args:
        health: changes of health, in the order of the session.
        end_ms: end of the session.
    """
    streams: dict[tuple[str, Modality], list[SensorHealth]] = {}
    for change in health:
        streams.setdefault((change.participant, change.modality), []).append(change)
    return [d for key in sorted(streams) for d in _dropouts_of(streams[key], end_ms)]


def _dropouts_of(changes: Sequence[SensorHealth], end_ms: int) -> Iterator[Dropout]:
    open_: list[SensorHealth] = []
    for change in changes:
        if _is_out(change):
            open_.append(change)
        elif open_:
            yield _dropout(open_, change.since_ms, lasting=False)
            open_ = []
    if open_:
        yield _dropout(open_, max(end_ms, open_[-1].t_ms), lasting=True)


def _is_out(change: SensorHealth) -> bool:
    if change.state is HealthState.DEGRADED:
        return change.reason not in RESERVATIONS
    return change.state in OUT


def _dropout(changes: Sequence[SensorHealth], end_ms: int, *, lasting: bool) -> Dropout:
    first = changes[0]
    return Dropout(
        participant=first.participant,
        modality=first.modality,
        start_ms=first.since_ms,
        end_ms=max(first.since_ms, end_ms),
        states=tuple(dict.fromkeys(c.state for c in changes)),
        reasons=tuple(dict.fromkeys(c.reason for c in changes if c.reason)),
        lasting=lasting,
    )
