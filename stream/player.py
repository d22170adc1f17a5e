"""Plays a media file as a live source: each piece when its time has come, late ones left out."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import av
import numpy as np
from numpy.typing import NDArray

from .errors import MediaError
from .mediafile import audio_packets, probe, video_packets
from .packet import NS_PER_S, Modality, Packet

LATE_NS: Final = NS_PER_S // 5
"""Pictures that come out of the decoder later than this are left out, as a camera would."""


class LiveSink(Protocol):
    """Takes the media of one participant; any thread, never waits."""

    def now_ns(self) -> int:
        """Session time."""

    def sound(self, samples: NDArray[np.float32], t_ns: int) -> None:
        """Take sound, (N,) float32 at 16 kHz mono."""

    def picture(
        self, frame: av.VideoFrame | NDArray[np.uint8], t_ns: int, duration_ns: int
    ) -> None:
        """Take a picture: decoded, or (H, W, 3) uint8 BGR."""

    def stream_ended(self, modality: Modality) -> None:
        """No more of a modality will come."""


class FilePlayer:
    """Plays one file into a sink.

    Args:
        path: the file.
        sink: takes its media.
        loop: begin again at its end.
        on_end: called once, on a thread of the player, when all is played or was stopped.

    Raises:
        MediaError: the file cannot be read.
    """

    def __init__(
        self,
        path: Path,
        sink: LiveSink,
        *,
        loop: bool = False,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self.info: Final = probe(path)
        self._path = path
        self._sink = sink
        self._loop = loop
        self._on_end = on_end
        self._stop = threading.Event()
        self._left = 0
        self._lock = threading.Lock()
        self.failure = ""

    def start(self) -> None:
        """Begin; session time now is the file's time 0."""
        begin_ns = self._sink.now_ns()
        kinds: list[Modality] = []
        if self.info.audio is not None:
            kinds.append("audio")
        if self.info.video is not None:
            kinds.append("face")
        self._left = len(kinds)
        for kind in kinds:
            threading.Thread(
                target=self._play, args=(kind, begin_ns), name=f"play-{kind}", daemon=True
            ).start()

    def stop(self) -> None:
        """End soon."""
        self._stop.set()

    def _play(self, modality: Modality, begin_ns: int) -> None:
        try:
            while not self._stop.is_set():
                for packet in self._packets(modality):
                    if not self._give(packet, begin_ns):
                        return
                if not self._loop:
                    return
                begin_ns += max(self.info.duration_ns, NS_PER_S)
        except MediaError as exc:
            self.failure = str(exc)
        finally:
            self._ended(modality)

    def _packets(self, modality: Modality) -> Iterator[Packet]:
        return audio_packets(self._path) if modality == "audio" else video_packets(self._path)

    def _give(self, packet: Packet, begin_ns: int) -> bool:
        """Wait until a packet's time has come and give it; False when stopped."""
        due_ns = begin_ns + packet.t_end_ns
        wait_ns = due_ns - self._sink.now_ns()
        if self._stop.wait(max(0, wait_ns) / NS_PER_S):
            return False
        t_ns = begin_ns + packet.t_capture_ns
        if packet.modality == "audio":
            self._sink.sound(packet.data, t_ns)
        elif wait_ns > -LATE_NS:
            self._sink.picture(packet.data, t_ns, packet.duration_ns)
        return True

    def _ended(self, modality: Modality) -> None:
        self._sink.stream_ended(modality)
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last and self._on_end is not None:
            self._on_end()
