"""What the health of a stream depends on, as data: states, signals, transitions, limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ..stream.packet import NS_PER_MS, NS_PER_S, Modality
from .quality import QualityFlag


class HealthState(StrEnum):
    """How a stream is doing, as told to the outside."""

    STARTING = "starting"
    OK = "ok"
    DEGRADED = "degraded"
    LOST = "lost"
    MUTED = "muted"
    DISABLED = "disabled"
    RECOVERING = "recovering"


class Phase(StrEnum):
    """How a stream is doing, with the two ways of being degraded told apart."""

    STARTING = "starting"
    OK = "ok"
    BLEMISHED = "blemished"  # degraded, and still measured
    FAULTY = "faulty"  # degraded, and nothing to measure
    LOST = "lost"
    MUTED = "muted"
    DISABLED = "disabled"
    RECOVERING = "recovering"


class Signal(StrEnum):
    """What can happen to a stream."""

    GOOD = "good"  # content that can be measured
    STEADY = "steady"  # enough of it in a row
    BLEMISH = "blemish"  # content that can be measured, with a reservation
    FAULT = "fault"  # content that cannot be measured, for long enough
    SILENCE = "silence"  # digital zeros
    STALE = "stale"  # nothing arrives
    EXPIRED = "expired"  # nothing measurable for so long that the stream counts as lost
    FAILED = "failed"  # its worker or device is gone
    DISABLE = "disable"  # switched off, or what it needs is not there


STATE: Final[Mapping[Phase, HealthState]] = {
    Phase.STARTING: HealthState.STARTING,
    Phase.OK: HealthState.OK,
    Phase.BLEMISHED: HealthState.DEGRADED,
    Phase.FAULTY: HealthState.DEGRADED,
    Phase.LOST: HealthState.LOST,
    Phase.MUTED: HealthState.MUTED,
    Phase.DISABLED: HealthState.DISABLED,
    Phase.RECOVERING: HealthState.RECOVERING,
}

USABLE: Final = frozenset({Phase.OK, Phase.BLEMISHED, Phase.RECOVERING})
"""Phases in which features count as measured, unless their own quality masks them."""

TRANSITIONS: Final[Mapping[Phase, Mapping[Signal, Phase]]] = {
    Phase.STARTING: {
        Signal.GOOD: Phase.OK,
        Signal.BLEMISH: Phase.BLEMISHED,
        Signal.FAULT: Phase.FAULTY,
        Signal.SILENCE: Phase.MUTED,
        Signal.EXPIRED: Phase.LOST,
        Signal.FAILED: Phase.LOST,
        Signal.DISABLE: Phase.DISABLED,
    },
    Phase.OK: {
        Signal.BLEMISH: Phase.BLEMISHED,
        Signal.FAULT: Phase.FAULTY,
        Signal.STALE: Phase.FAULTY,
        Signal.SILENCE: Phase.MUTED,
        Signal.EXPIRED: Phase.LOST,
        Signal.FAILED: Phase.LOST,
        Signal.DISABLE: Phase.DISABLED,
    },
    Phase.BLEMISHED: {
        Signal.STEADY: Phase.OK,
        Signal.FAULT: Phase.FAULTY,
        Signal.STALE: Phase.FAULTY,
        Signal.SILENCE: Phase.MUTED,
        Signal.EXPIRED: Phase.LOST,
        Signal.FAILED: Phase.LOST,
        Signal.DISABLE: Phase.DISABLED,
    },
    Phase.FAULTY: {
        Signal.GOOD: Phase.RECOVERING,
        Signal.STEADY: Phase.OK,
        Signal.BLEMISH: Phase.BLEMISHED,
        Signal.SILENCE: Phase.MUTED,
        Signal.EXPIRED: Phase.LOST,
        Signal.FAILED: Phase.LOST,
        Signal.DISABLE: Phase.DISABLED,
    },
    # Faults and short gaps are absent here on purpose: a stream that comes and goes stays
    # "recovering" instead of raising an alarm each time; only a lasting failure is news.
    Phase.RECOVERING: {
        Signal.STEADY: Phase.OK,
        Signal.BLEMISH: Phase.BLEMISHED,
        Signal.SILENCE: Phase.MUTED,
        Signal.EXPIRED: Phase.LOST,
        Signal.FAILED: Phase.LOST,
        Signal.DISABLE: Phase.DISABLED,
    },
    Phase.MUTED: {
        Signal.GOOD: Phase.RECOVERING,
        Signal.STEADY: Phase.OK,
        Signal.BLEMISH: Phase.BLEMISHED,
        Signal.FAULT: Phase.FAULTY,
        Signal.EXPIRED: Phase.LOST,
        Signal.FAILED: Phase.LOST,
        Signal.DISABLE: Phase.DISABLED,
    },
    Phase.LOST: {
        Signal.GOOD: Phase.RECOVERING,
        Signal.STEADY: Phase.OK,
        Signal.BLEMISH: Phase.BLEMISHED,
        Signal.SILENCE: Phase.MUTED,
        Signal.DISABLE: Phase.DISABLED,
    },
    Phase.DISABLED: {},
}
"""Where each signal leads; a pair that is absent changes nothing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a quality flag means for health.

    Attributes:
        signal: FAULT, BLEMISH or SILENCE.
        dwell_ns: how long it must last before it is a signal, so that a blink is none.
    """

    signal: Signal
    dwell_ns: int = 0


FINDINGS: Final[Mapping[QualityFlag, Finding]] = {
    QualityFlag.NONFINITE: Finding(Signal.FAULT, 100 * NS_PER_MS),
    QualityFlag.SILENT: Finding(Signal.SILENCE),
    QualityFlag.STUCK: Finding(Signal.FAULT),
    QualityFlag.BLACK: Finding(Signal.FAULT, 300 * NS_PER_MS),
    QualityFlag.FROZEN: Finding(Signal.FAULT),
    QualityFlag.NO_FACE: Finding(Signal.FAULT, 400 * NS_PER_MS),
    QualityFlag.CLIPPED: Finding(Signal.BLEMISH),
    QualityFlag.OVERFLOW: Finding(Signal.BLEMISH),
    QualityFlag.BABBLE: Finding(Signal.BLEMISH),
    QualityFlag.LATE: Finding(Signal.BLEMISH),
    QualityFlag.TWO_FACES: Finding(Signal.BLEMISH, 400 * NS_PER_MS),
    QualityFlag.DARK: Finding(Signal.BLEMISH, 500 * NS_PER_MS),
    QualityFlag.BLURRED: Finding(Signal.BLEMISH, 1000 * NS_PER_MS),
    QualityFlag.NOISY: Finding(Signal.BLEMISH, 500 * NS_PER_MS),
}
"""Flags that matter, most telling first: it names the reason. Flags not listed are no fault."""

NO_DATA: Final = "no_data"
STALLED: Final = "stalled"
LOW_RATE: Final = "low_rate"
"""Reasons that are not quality flags."""


@dataclass(frozen=True, slots=True)
class StreamRules:
    """What is expected of one kind of stream.

    Attributes:
        interval_ns: interval between observations until it has been learned.
        at_end: whether an observation can be made only when its stretch is over (sound), or
            already at its start (a picture).
        slack_ns: how late the next observation may be, or twice the interval if that is more.
        expire_ns: nothing measurable for this long: lost.
        start_ns: nothing at all for this long after the start: lost.
        stale_reason: reason given when nothing arrives.
        slowest_ns: typical interval from which on the stream is slow, whatever it began with.
    """

    interval_ns: int
    at_end: bool
    slack_ns: int
    expire_ns: int = 800 * NS_PER_MS
    start_ns: int = 3 * NS_PER_S
    stale_reason: str = NO_DATA
    slowest_ns: int = NS_PER_S


def _default_streams() -> Mapping[Modality, StreamRules]:
    return {
        "audio": StreamRules(20 * NS_PER_MS, at_end=True, slack_ns=150 * NS_PER_MS),
        "face": StreamRules(
            33 * NS_PER_MS, at_end=False, slack_ns=150 * NS_PER_MS, slowest_ns=180 * NS_PER_MS
        ),
        "text": StreamRules(
            20 * NS_PER_MS,
            at_end=True,
            slack_ns=2 * NS_PER_S,
            expire_ns=5 * NS_PER_S,
            start_ns=10 * NS_PER_S,
            stale_reason=STALLED,
        ),
    }


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """All limits of the health monitor.

    Attributes:
        streams: per modality.
        steady_count: measurable observations in a row that make a stream steady.
        calm_ns: time without any blemish before one is taken back.
        settle_ns: a stream that fails again sooner than this after it recovered is unstable.
        holds_ns: how long it must be good without a break before it counts as steady, by how often
            it has failed so; the last entry holds for ever more. It keeps a source that comes and
            goes from raising an alarm each time.
        least_rate: share of its first rate below which a stream is slow.
    """

    streams: Mapping[Modality, StreamRules] = field(default_factory=_default_streams)
    steady_count: int = 5
    calm_ns: int = NS_PER_S
    settle_ns: int = 10 * NS_PER_S
    holds_ns: tuple[int, ...] = (0, 1500 * NS_PER_MS, 1500 * NS_PER_MS, 6 * NS_PER_S)
    least_rate: float = 0.9


def transition_table() -> str:
    """The transitions as a Markdown table, for the documentation."""
    signals = list(Signal)
    lines = [
        "| phase | shown as | measured | " + " | ".join(signals) + " |",
        "|---" * (len(signals) + 3) + "|",
    ]
    for phase, row in TRANSITIONS.items():
        cells = " | ".join(row.get(s, "-") for s in signals)
        measured = "yes" if phase in USABLE else "no"
        lines.append(f"| {phase} | {STATE[phase]} | {measured} | {cells} |")
    return "\n".join(lines)
