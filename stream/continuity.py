"""What arrived, what is missing and what must be refused, per source, by epoch and seq."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from .limits import BUS_MAX_SOURCES
from .wire import Stamp


class SourceStatistics(NamedTuple):
    """Counters of one source.

    Attributes:
        epoch: newest epoch seen.
        received: messages admitted.
        missed: holes in seq, in messages.
        duplicates: refused because this seq or a later one of the epoch was there before.
        stale: refused because they came from an epoch that is over.
        epoch_changes: restarts seen.
    """

    epoch: int
    received: int
    missed: int
    duplicates: int
    stale: int
    epoch_changes: int


@dataclass(slots=True)
class _Track:
    epoch: int
    next_seq: int
    received: int = 0
    missed: int = 0
    duplicates: int = 0
    stale: int = 0
    epoch_changes: int = 0


class Continuity:
    """Follows the stamps of many sources. Pure: no clock, no socket."""

    def __init__(self, max_sources: int = BUS_MAX_SOURCES) -> None:
        """Take the most sources that are told apart; further ones are refused."""
        self._max_sources = max_sources
        self._tracks: dict[str, _Track] = {}
        self.refused_sources = 0

    def admit(self, stamp: Stamp) -> bool:
        """Count a message and say whether it may be used.

        The first message of an unknown source sets where its count begins: a late joiner has
        missed nothing that was meant for it. A new epoch begins at 0.
        """
        track = self._tracks.get(stamp.source)
        if track is None:
            if len(self._tracks) >= self._max_sources:
                self.refused_sources += 1
                return False
            track = self._tracks[stamp.source] = _Track(stamp.epoch, stamp.seq)
        if stamp.epoch < track.epoch:
            track.stale += 1
            return False
        if stamp.epoch > track.epoch:
            track.epoch, track.next_seq = stamp.epoch, 0
            track.epoch_changes += 1
        if stamp.seq < track.next_seq:
            track.duplicates += 1
            return False
        track.missed += stamp.seq - track.next_seq
        track.next_seq = stamp.seq + 1
        track.received += 1
        return True

    def statistics(self) -> Mapping[str, SourceStatistics]:
        """Counters by source name."""
        return {
            name: SourceStatistics(
                track.epoch,
                track.received,
                track.missed,
                track.duplicates,
                track.stale,
                track.epoch_changes,
            )
            for name, track in self._tracks.items()
        }
