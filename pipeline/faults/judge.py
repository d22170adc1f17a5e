"""Reads from the events of a session how soon a fault was noticed and over."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ...models.features import Modality
from ..events import DropReport, Event, MeasurementResult, SensorHealth
from ..health_rules import FINDINGS, LOW_RATE, HealthState, Signal

BLEMISHES: Final = frozenset(
    [LOW_RATE, *(str(flag) for flag, found in FINDINGS.items() if found.signal is Signal.BLEMISH)]
)
"""Reasons for which a degraded sensor is still read."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event and when it came.

    Attributes:
        at_ms: session time.
        event: what it says.
    """

    at_ms: float
    event: Event


def is_used(change: SensorHealth) -> bool:
    """Whether what a sensor in this state gives counts as measured."""
    if change.state in (HealthState.OK, HealthState.RECOVERING):
        return True
    return change.state is HealthState.DEGRADED and change.reason in BLEMISHES


def health_of(told: Iterable[Told], modality: Modality) -> list[tuple[float, SensorHealth]]:
    """Changes of one sensor with the time at which each was told."""
    return [
        (t.at_ms, t.event)
        for t in told
        if isinstance(t.event, SensorHealth) and t.event.modality == modality
    ]


def first_change(
    told: Iterable[Told],
    modality: Modality,
    after_ms: float,
    wanted: Callable[[SensorHealth], bool],
) -> float | None:
    """How long after a moment the first change that is wanted was told, ms."""
    for at_ms, change in health_of(told, modality):
        if at_ms >= after_ms and wanted(change):
            return at_ms - after_ms
    return None


def results_of(told: Iterable[Told]) -> list[tuple[float, MeasurementResult]]:
    """First readings of windows with the time at which each came."""
    return [(t.at_ms, t.event) for t in told if isinstance(t.event, MeasurementResult)]


def gap_hops(told: Sequence[Told], from_ms: float, to_ms: float, hop_ms: float) -> float | None:
    """Largest distance in time between two results, in hops; None with fewer than two.

    Args:
        told: all events.
        from_ms: the stretch begins; the last result before it counts.
        to_ms: and ends; the first one after it counts.
        hop_ms: distance of the windows.
    """
    times = [at_ms for at_ms, _ in results_of(told)]
    inside = [t for t in times if from_ms <= t <= to_ms]
    before = [t for t in times if t < from_ms][-1:]
    after = [t for t in times if t > to_ms][:1]
    kept = before + inside + after
    if len(kept) < 2:
        return None
    return max(b - a for a, b in itertools.pairwise(kept)) / hop_ms


def missing_windows(told: Iterable[Told], hop_ms: int) -> int:
    """Windows that were never read between the first and the last."""
    ends = sorted({result.window.end_ms for _, result in results_of(told)})
    if not ends:
        return 0
    return (ends[-1] - ends[0]) // hop_ms + 1 - len(ends)


def drops_of(told: Iterable[Told], modality: Modality | None = None) -> dict[str, int]:
    """Dropped pieces by reason, from the last report of each stage."""
    last: dict[tuple[str, str], DropReport] = {}
    for each in told:
        event = each.event
        if isinstance(event, DropReport) and modality in (None, event.modality):
            last[event.modality, event.stage] = event
    total: dict[str, int] = {}
    for report in last.values():
        for reason, count in report.dropped.items():
            total[reason] = total.get(reason, 0) + count
    return {reason: count for reason, count in total.items() if count}
