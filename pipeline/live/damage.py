"""Sensors broken on purpose while they run: the buttons of the page, and of tests."""

from dataclasses import dataclass, replace
from typing import Final

from ...stream.packet import NS_PER_S, Modality, Packet
from ..inject import Damage, InjectError, Injection, parse_injections

LIVE_TEXT_KIND: Final = "drop"
LIVE_KINDS: Final[dict[Modality, tuple[str, ...]]] = {
    "face": ("freeze", "black", "drop", "noise"),
    "audio": ("mute", "drop", "noise", "clip"),
    "text": (LIVE_TEXT_KIND,),
}
"""What can be done to a stream that runs; a kind that moves time or ends a stream is not in it."""


@dataclass(frozen=True, slots=True)
class Injected:
    """One sensor that is broken on purpose.

    Attributes:
        modality: which.
        kind: how.
        t0_ns: since when, session clock.
        t1_ns: until when; None until it is mended.
    """

    modality: Modality
    kind: str
    t0_ns: int
    t1_ns: int | None


class LiveDamage:
    """What is broken in one session right now; at most one damage per modality."""

    def __init__(self) -> None:
        self._active: dict[Modality, tuple[Injected, Damage | None]] = {}

    def inject(
        self,
        modality: Modality,
        kind: str,
        now_ns: int,
        seconds: float | None = None,
        value: float | None = None,
    ) -> Injected:
        """Break a sensor, in place of what was done to it before.

        Args:
            modality: which sensor.
            kind: see `LIVE_KINDS`.
            now_ns: session time.
            seconds: for how long; None until `mend`.
            value: see `inject`; None for what is usual.

        Raises:
            InjectError: the kind does not fit, or a number is out of range.
        """
        if modality not in LIVE_KINDS or kind not in LIVE_KINDS[modality]:
            known = ", ".join(f"{m}: {' '.join(kinds)}" for m, kinds in LIVE_KINDS.items())
            raise InjectError(f"{modality} cannot be broken by {kind!r}; known: {known}")
        if seconds is not None and not 0 < seconds <= 3600:
            raise InjectError(f"seconds: give a number above 0 and up to 3600, not {seconds}")
        t1_ns = None if seconds is None else now_ns + round(seconds * NS_PER_S)
        injected = Injected(modality, kind, now_ns, t1_ns)
        damage = None
        if modality != "text":
            number = "" if value is None else f"={value:g}"
            (meant,) = parse_injections(f"{modality}:{kind}{number}")
            damage = Damage(replace(meant, t0_ns=now_ns, t1_ns=t1_ns))
        self._active[modality] = (injected, damage)
        return injected

    def plan(self, injections: tuple[Injection, ...]) -> None:
        """Take damage that was asked for with the session; the last one of a modality counts.

        Raises:
            InjectError: a kind that cannot be done to a live stream.
        """
        for meant in injections:
            if meant.kind not in LIVE_KINDS[meant.modality]:
                raise InjectError(f"{meant.modality}:{meant.kind} cannot be done to a live session")
            told = Injected(meant.modality, meant.kind, meant.t0_ns, meant.t1_ns)
            self._active[meant.modality] = (told, Damage(meant))

    def mend(self, modality: Modality | None = None) -> None:
        """Undo the damage to one modality, or all."""
        for name in list(self._active) if modality is None else [modality]:
            self._active.pop(name, None)

    def active(self, now_ns: int) -> list[Injected]:
        """What is broken at a time, or will be."""
        told = [injected for injected, _ in self._active.values()]
        return [i for i in told if i.t1_ns is None or now_ns < i.t1_ns]

    def apply(self, packet: Packet) -> Packet | None:
        """A media packet as the broken sensor would give it; None where it gives nothing."""
        _, damage = self._active.get(packet.modality, (None, None))
        return packet if damage is None else damage.apply(packet)

    def words_cut(self, now_ns: int) -> bool:
        """Whether speech to text gets no sound at a time."""
        injected, _ = self._active.get("text", (None, None))
        if injected is None or now_ns < injected.t0_ns:
            return False
        return injected.t1_ns is None or now_ns < injected.t1_ns
