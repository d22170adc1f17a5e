"""One ordered stream out of several: the reproducible join of all sources of a session.

Packets are taken in the order in which they could first be used (`t_available_ns`, ties by
modality), whatever the order in which processes deliver them. So the same recording gives the same
events at any speed. A source that is late in wall time, or dead, is waited for only as long as the
caller allows.
"""

from collections import deque
from collections.abc import Iterable

from ..stream.packet import MODALITIES, Modality, Packet


class Merger:
    """Orders packets of several sources by availability.

    Args:
        modalities: the sources that take part from the start.
        patience_ns: how far session time may run past a waiting packet before it is released
            although another source has not spoken; used only when `pop` is told the time.
    """

    def __init__(self, modalities: Iterable[Modality], patience_ns: int = 250_000_000) -> None:
        self._queues: dict[Modality, deque[Packet]] = {m: deque() for m in modalities}
        self._waited_for = set(self._queues)
        self._patience_ns = patience_ns

    def push(self, packet: Packet) -> None:
        """Add a packet; each source must push in its own order."""
        self._queues[packet.modality].append(packet)

    def backlog(self, modality: Modality) -> int:
        """Packets of one source that wait here."""
        return len(self._queues[modality])

    def exclude(self, modality: Modality) -> None:
        """Stop waiting for a source that ended, failed or was switched off."""
        self._waited_for.discard(modality)

    def include(self, modality: Modality) -> None:
        """Wait for a source again."""
        if modality not in self._queues:
            raise KeyError(modality)
        self._waited_for.add(modality)

    def blocked_on(self) -> set[Modality]:
        """Sources that must speak before the next packet is certain."""
        return {m for m in self._waited_for if not self._queues[m]}

    def pop(self, now_ns: int | None = None) -> Packet | None:
        """Take the next packet, or None when it is not certain yet.

        Args:
            now_ns: session time; None means to wait for every source without limit.
        """
        heads = [q[0] for q in self._queues.values() if q]
        if not heads:
            return None
        first = min(heads, key=lambda p: (p.t_available_ns, MODALITIES.index(p.modality)))
        overdue = now_ns is not None and now_ns >= first.t_available_ns + self._patience_ns
        if self.blocked_on() and not overdue:
            return None
        return self._queues[first.modality].popleft()
