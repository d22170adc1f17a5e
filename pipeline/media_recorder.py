"""Keeps the sound and pictures of a live session, beside it and only as far as there is time.

A thread for each stream takes what the sensors gave, encodes it and hands it to the session file.
The live path only puts a reference into a bounded queue; when that is full, the oldest goes. What
is not kept is counted by reason.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import av

from ..stream.channel import Channel
from ..stream.errors import ChannelClosed
from ..stream.media_codecs import PictureEncoder, SoundEncoder, Unit
from ..stream.packet import NS_PER_MS, NS_PER_S, Modality
from ..stream.pictures import Turn
from .live.handle import Piece

ROOM: Final[dict[Modality, int]] = {"audio": 250, "face": 30}
"""Pieces that wait to be encoded: five seconds of sound, one second of pictures."""
THINNED_NS: Final = 90 * NS_PER_MS
"""While the machine is overloaded, pictures are kept no closer than this: close enough that a
replay sees no frozen camera, which begins at 183 ms for 30 pictures a second."""
CLOSE_S: Final = 5.0
NOT_KEPT: Final = "recording_thinned"
_WHY: Final = {
    "overload": "the machine cannot keep up, so about ten pictures a second are kept",
    "overflow": "encoding cannot keep up, so the oldest were left out",
    "disk": "the disk is slow or full, so sound and pictures are left out first",
    "failed": "one could not be encoded and was left out",
}


@dataclass(frozen=True, slots=True)
class MediaCounts:
    """What became of one stream: offered = kept + dropped, once it has ended.

    Attributes:
        offered: pieces that came.
        kept: pieces that were encoded.
        dropped: pieces that were not, by reason.
        written_bytes: size of what was encoded.
        cpu_ns: processor time of the thread that did it.
    """

    offered: int
    kept: int
    dropped: dict[str, int]
    written_bytes: int
    cpu_ns: int


@dataclass(frozen=True, slots=True)
class MediaOutlet:
    """Where encoded media go, and what is asked before.

    Attributes:
        write: takes a unit of a stream; never waits.
        crowded: whether the file had better get nothing more at present.
        busy: whether the machine is overloaded.
    """

    write: Callable[[Modality, Unit], None]
    crowded: Callable[[], bool]
    busy: Callable[[], bool]


class MediaRecorder:
    """Encodes the sound and pictures of one session.

    Args:
        outlet: where to.
    """

    def __init__(self, outlet: MediaOutlet) -> None:
        self._lanes: Final[dict[Modality, _Lane]] = {
            "audio": _Lane("audio", _Sounds(), outlet),
            "face": _Lane("face", _Pictures(), outlet),
        }
        self._told: set[tuple[Modality, str]] = set()

    def offer(self, piece: Piece) -> None:
        """Something came from a sensor; from any thread, never waits."""
        lane = self._lanes.get(piece.modality)
        if lane is not None and piece.kind == "media":
            lane.offer(piece)

    def counts(self) -> dict[Modality, MediaCounts]:
        """What became of each stream so far."""
        return {modality: lane.counts() for modality, lane in self._lanes.items()}

    def news(self) -> list[tuple[str, str]]:
        """What had to be left out for the first time since the last call: code and message."""
        found: list[tuple[str, str]] = []
        for modality, counted in self.counts().items():
            for reason in counted.dropped:
                if (modality, reason) not in self._told:
                    self._told.add((modality, reason))
                    what = "sound" if modality == "audio" else "pictures"
                    found.append((NOT_KEPT, f"Not all {what} are recorded: {_WHY[reason]}"))
        return found

    def close(self) -> None:
        """Encode what waits; takes seconds at most."""
        for lane in self._lanes.values():
            lane.close()


class _Sounds:
    """Encodes pieces of sound."""

    def __init__(self) -> None:
        self._encoder = SoundEncoder()

    def wanted(self, _t_ns: int, busy: bool) -> bool:
        return True

    def encode(self, piece: Piece) -> Iterator[Unit]:
        return self._encoder.push(piece.pixels(piece.turn), piece.t_ns)

    def rest(self) -> Iterator[Unit]:
        return self._encoder.flush()


class _Pictures:
    """Encodes pictures."""

    def __init__(self) -> None:
        self._encoder = PictureEncoder()
        self._turn = Turn()
        self._last_ns = -THINNED_NS

    def wanted(self, t_ns: int, busy: bool) -> bool:
        return not busy or t_ns - self._last_ns >= THINNED_NS

    def encode(self, piece: Piece) -> Iterator[Unit]:
        self._last_ns = piece.t_ns
        return self._encoder.encode(piece.pixels(self._turn), piece.t_ns)

    def rest(self) -> Iterator[Unit]:
        return iter(())


class _Lane:
    """The thread of one stream."""

    def __init__(
        self, modality: Modality, encoder: _Sounds | _Pictures, outlet: MediaOutlet
    ) -> None:
        self._modality: Final[Modality] = modality
        self._encoder = encoder
        self._outlet = outlet
        self._pieces: Channel[Piece] = Channel(ROOM[modality], "drop_oldest")
        self._dropped: dict[str, int] = {}
        self._kept = self._bytes = self._cpu_ns = 0
        name = f"recording-{modality}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def offer(self, piece: Piece) -> None:
        try:
            self._pieces.offer(piece)
        except ChannelClosed:
            return

    def counts(self) -> MediaCounts:
        passed = self._pieces.statistics()
        left_out = {str(reason): count for reason, count in passed.dropped.items()}
        overflow = left_out.pop("overflow", 0) + left_out.pop("discarded", 0)
        dropped = dict(self._dropped) | ({"overflow": overflow} if overflow else {})
        offered = passed.offered - left_out.get("closed", 0)
        return MediaCounts(offered, self._kept, dropped, self._bytes, self._cpu_ns)

    def close(self) -> None:
        self._pieces.close()
        self._thread.join(CLOSE_S)
        # Whatever still waits after that is left out, so that a session's end is not held up.
        self._pieces.close(discard=True)

    def _run(self) -> None:
        while True:
            try:
                piece = self._pieces.take(None)
            except ChannelClosed:
                break
            self._take(piece)
            self._cpu_ns = time.thread_time_ns()
        self._write(self._encoder.rest())

    def _take(self, piece: Piece) -> None:
        if self._outlet.crowded():
            self._drop("disk")
        elif not self._encoder.wanted(piece.t_ns, self._outlet.busy()):
            self._drop("overload")
        else:
            try:
                self._write(self._encoder.encode(piece))
                self._kept += 1
            except (av.FFmpegError, ValueError):
                # A picture of a form that FFmpeg refuses must not end the stream.
                self._drop("failed")
                self._encoder = type(self._encoder)()

    def _write(self, units: Iterator[Unit]) -> None:
        for unit in units:
            self._bytes += len(unit.data)
            self._outlet.write(self._modality, unit)

    def _drop(self, reason: str) -> None:
        self._dropped[reason] = self._dropped.get(reason, 0) + 1


def media_line(counts: dict[Modality, MediaCounts], lasted_ns: int) -> str:
    """What was kept of which stream and what that cost, in one line.

    Args:
        counts: see `MediaRecorder.counts`.
        lasted_ns: length of the session.
    """
    parts = []
    for modality, counted in counts.items():
        what = "pieces of sound" if modality == "audio" else "pictures"
        lost = sum(counted.dropped.values())
        share = counted.cpu_ns / max(1, lasted_ns)
        rate = counted.written_bytes * 3600 * NS_PER_S / max(1, lasted_ns) / 1e6
        parts.append(
            f"{counted.kept} {what}, {lost} left out, {rate:.0f} MB/h, {share:.1%} of a core"
        )
    return "; ".join(parts)
