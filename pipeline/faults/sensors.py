"""The sensor faults that anybody can try on a session of their own, and what they may cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ...models.features import Modality
from ..errors import UserError
from ..events import SensorHealth, SessionReady
from .judge import Told, drops_of, first_change, gap_hops, is_used, missing_windows
from .outcome import MOST_GAP_HOPS, Limits, Outcome

HOP_MS: Final = 500


class FaultError(UserError):
    """A fault cannot be brought about; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class SensorFault:
    """One way in which a sensor fails.

    Attributes:
        name: for the command line.
        modality: which sensor.
        kind: how it is broken, see `inject`.
        reasons: what health may call it.
        limits: what it may cost.
        about: in one line.
    """

    name: str
    modality: Modality
    kind: str
    reasons: frozenset[str]
    limits: Limits
    about: str

    def injection(self, at_s: float, for_s: float) -> str:
        """Specification of the damage."""
        return f"{self.modality}:{self.kind}@{at_s:g}-{at_s + for_s:g}"


def _fault(
    name: str, modality: Modality, kind: str, reason: str, detect_ms: float, about: str
) -> SensorFault:
    limits = Limits(detect_ms, 2000.0, MOST_GAP_HOPS)
    return SensorFault(name, modality, kind, frozenset({reason}), limits, about)


_ALL: Final = (
    _fault("camera-frozen", "face", "freeze", "frozen", 650, "the same picture again and again"),
    _fault("camera-black", "face", "black", "black", 500, "a covered lens"),
    _fault("camera-stops", "face", "drop", "no_data", 350, "no picture comes any more"),
    _fault("microphone-zeros", "audio", "mute", "silent", 550, "a muted microphone gives zeros"),
    _fault("microphone-stops", "audio", "drop", "no_data", 350, "no sound comes any more"),
    _fault("microphone-clipped", "audio", "clip", "clipped", 500, "the gain is much too high"),
)
SENSOR_FAULTS: Final[Mapping[str, SensorFault]] = {fault.name: fault for fault in _ALL}


def sensor_faults(name: str) -> list[SensorFault]:
    """The fault of a name, or all of them.

    Raises:
        FaultError: there is none of that name.
    """
    if name == "all":
        return list(SENSOR_FAULTS.values())
    if name not in SENSOR_FAULTS:
        raise FaultError(f"{name!r} is no fault: there are {', '.join(SENSOR_FAULTS)}, and all")
    return [SENSOR_FAULTS[name]]


def judge(fault: SensorFault, told: Sequence[Told], begin_ms: float, end_ms: float) -> Outcome:
    """What a fault did to a session.

    Args:
        fault: which.
        told: events of the session with their times.
        begin_ms: when the sensor was broken.
        end_ms: when it was mended.
    """
    why = _not_there(fault, told)
    if why:
        return Outcome(skipped=why)

    def named(change: SensorHealth) -> bool:
        return change.reason in fault.reasons

    hop_ms = next((t.event.hop_ms for t in told if isinstance(t.event, SessionReady)), HOP_MS)
    outcome = Outcome(
        first_change(told, fault.modality, begin_ms, named),
        first_change(told, fault.modality, end_ms, is_used),
        gap_hops(told, begin_ms, end_ms, hop_ms),
        drops_of(told),
    )
    missing = missing_windows(told, hop_ms)
    outcome.check("no window is missing", missing == 0, missing)
    return outcome


def _not_there(fault: SensorFault, told: Sequence[Told]) -> str:
    """Why a session has no such sensor; empty when it has."""
    for each in told:
        if isinstance(each.event, SessionReady):
            start = each.event.modalities[fault.modality]
            return f"{fault.modality} takes no part: {start.reason}" if start.reason else ""
    return "the session never began"
