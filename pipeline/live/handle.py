"""How a source puts media into a live session, from any thread."""

import datetime
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from ...stream.channel import Channel, ChannelStatistics
from ...stream.errors import ChannelClosed
from ...stream.limits import MEDIA_MAX_SIDE
from ...stream.packet import NS_PER_S, Modality, Packet
from ...stream.pictures import PictureSize, Turn, upright_bgr
from ..handover import Handover
from ..job import OFFERED, OVERFLOWED
from ..journal import CloseReason

ROOM: Final[Mapping[Modality, int]] = {"audio": 25, "face": 3}
"""Pieces that wait for the engine; the oldest makes room: 0.5 s of sound, 100 ms of pictures."""
SOUND_HZ: Final = 16_000
_SIZE: Final = PictureSize(MEDIA_MAX_SIDE, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A piece of media on its way to the engine; a picture is converted only if it is used.

    Attributes:
        kind: "media" or "end".
        modality: "audio" or "face".
        t_ns: session time of its start.
        duration_ns: its length.
        content: sound (N,) float32 at 16 kHz mono; a decoded frame, or (H, W, 3) uint8 BGR.
        offered_ns: when it came, monotonic clock.
        overflowed: the device lost sound right before it.
        turn: how pictures of its stream are turned.
    """

    kind: str
    modality: Modality
    t_ns: int
    duration_ns: int = 0
    content: av.VideoFrame | NDArray[Any] | None = None
    offered_ns: int = field(default_factory=time.monotonic_ns)
    overflowed: bool = False
    turn: Turn = field(default_factory=Turn)

    def pixels(self, turn: Turn) -> NDArray[Any]:
        """Its content as an array: sound as it is, a picture upright, (H, W, 3) uint8 BGR.

        Args:
            turn: of the picture's stream; belongs to the thread that asks.
        """
        if isinstance(self.content, av.VideoFrame):
            return upright_bgr(self.content, _SIZE, turn)
        return np.zeros(0, np.float32) if self.content is None else self.content

    def packet(self, participant: str, seq: int, meta: Mapping[str, Any]) -> Packet:
        """As a packet."""
        return Packet(
            kind=self.kind,
            modality=self.modality,
            participant=participant,
            source=self.modality,
            epoch=0,
            seq=seq,
            t_capture_ns=self.t_ns,
            duration_ns=self.duration_ns,
            t_available_ns=self.t_ns + self.duration_ns,
            data=self.pixels(self.turn),
            meta={
                OFFERED: self.offered_ns,
                **({OVERFLOWED: True} if self.overflowed else {}),
                **meta,
            },
        )


class AnchoredClock:
    """Session time: monotonic, 0 at the session's start.

    Attributes:
        anchor_ns: monotonic clock reading that is session time 0.
        anchor_utc: the time of day then, ISO 8601.
    """

    def __init__(self) -> None:
        self.anchor_ns: Final = time.monotonic_ns()
        self.anchor_utc: Final = datetime.datetime.now(datetime.UTC).isoformat(
            timespec="milliseconds"
        )

    def now_ns(self) -> int:
        """Session time."""
        return time.monotonic_ns() - self.anchor_ns


class LiveHandle:
    """One participant's place in the engine, as its source sees it.

    Every method may be called from any thread and never waits.

    Args:
        session_id: name of the session.
        participant: who takes part.
        wake: tells the engine that there is something.
        keep: is given all media as well, as the sensors gave them; must not wait.
    """

    def __init__(
        self,
        session_id: str,
        participant: str,
        wake: Callable[[], None],
        keep: Callable[[Piece], None] | None = None,
    ) -> None:
        self.session_id: Final = session_id
        self.participant: Final = participant
        self.clock: Final = AnchoredClock()
        self.channels: Final[dict[Modality, Channel[Piece]]] = {
            m: Channel(room, "drop_oldest") for m, room in ROOM.items()
        }
        self.heard_ns = self.clock.now_ns()
        self.ending: CloseReason | None = None
        self.closed = False
        self._wake = wake
        self._keep = keep
        self._turn = Turn()

    def now_ns(self) -> int:
        """Session time by the clock."""
        return self.clock.now_ns()

    def sound(self, samples: NDArray[np.float32], t_ns: int, *, overflowed: bool = False) -> None:
        """Give sound.

        Args:
            samples: (N,) float32 in [-1, 1], 16 kHz mono, about 20 ms.
            t_ns: session time of its first sample.
            overflowed: whether the device lost sound right before it.
        """
        duration_ns = samples.size * NS_PER_S // SOUND_HZ
        self._offer(Piece("media", "audio", t_ns, duration_ns, samples, overflowed=overflowed))

    def picture(
        self, frame: av.VideoFrame | NDArray[np.uint8], t_ns: int, duration_ns: int
    ) -> None:
        """Give a picture.

        Args:
            frame: as decoded, or (H, W, 3) uint8 BGR; must not be changed afterwards.
            t_ns: session time at which it was captured.
            duration_ns: until the next one is expected.
        """
        self._offer(Piece("media", "face", t_ns, duration_ns, frame, turn=self._turn))

    def stream_ended(self, modality: Modality) -> None:
        """No more media of a modality will come."""
        if not self.closed:
            self._offer(Piece("end", modality, self.now_ns()))

    def end(self, reason: CloseReason = "end") -> None:
        """End the session; events follow until `session.closed`."""
        if self.ending is None:
            self.ending = reason
        self._wake()

    def statistics(self) -> dict[Modality, ChannelStatistics]:
        """Where offered media went before the engine took them."""
        return {m: channel.statistics() for m, channel in self.channels.items()}

    def handovers(self) -> list[Handover]:
        """The same, for the books."""
        rows = []
        for modality, counted in self.statistics().items():
            dropped = {str(why): count for why, count in counted.dropped.items() if count}
            offered, in_flight = counted.offered, counted.in_flight
            rows.append(Handover("source", modality, offered, counted.used, dropped, in_flight))
        return rows

    def shut(self) -> None:
        """Take nothing more; called by the engine."""
        self.closed = True
        for channel in self.channels.values():
            channel.close(discard=True)

    def _offer(self, piece: Piece) -> None:
        self.heard_ns = self.now_ns()
        try:
            self.channels[piece.modality].offer(piece)
        except ChannelClosed:
            return
        if self._keep is not None:
            self._keep(piece)
        self._wake()
