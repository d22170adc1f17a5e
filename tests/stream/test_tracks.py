"""aiortc tracks read into a sink, in one event loop without a network."""

import asyncio
import itertools
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from tacit.stream.packet import NS_PER_MS
from tacit.stream.tracks import PictureFeed, SoundFeed, discard, hear_sound, watch_pictures


class Sink:
    def __init__(self) -> None:
        self.time_ns = 0
        self.sounds: list[tuple[int, NDArray[np.float32]]] = []
        self.pictures: list[tuple[int, int]] = []
        self.ended: list[str] = []

    def now_ns(self) -> int:
        return self.time_ns

    def sound(self, samples: NDArray[np.float32], t_ns: int) -> None:
        self.sounds.append((t_ns, samples))

    def picture(self, frame: Any, t_ns: int, duration_ns: int) -> None:
        self.pictures.append((t_ns, duration_ns))

    def stream_ended(self, modality: str) -> None:
        self.ended.append(modality)


class Frames(MediaStreamTrack):
    """Gives frames one by one, letting the sink's time pass, then ends."""

    def __init__(self, kind: str, sink: Sink, count: int) -> None:
        super().__init__()
        self.kind = kind
        self._sink, self._left, self._k = sink, count, 0

    async def recv(self) -> Any:
        if self._left == 0:
            raise MediaStreamError
        self._left -= 1
        k, self._k = self._k, self._k + 1
        if self.kind == "audio":
            sound = np.full((1, 960), 8192, np.int16)
            frame: Any = av.AudioFrame.from_ndarray(sound, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, k * 960, Fraction(1, 48_000)
            self._sink.time_ns = (20 * (k + 1) + 5) * NS_PER_MS
        else:
            frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="bgr24")
            frame.pts, frame.time_base = 3000 * k, Fraction(1, 90_000)
            self._sink.time_ns = (33 * k + 40) * NS_PER_MS
        return frame


def test_sound_is_resampled_and_placed_where_it_was_captured() -> None:
    sink = Sink()
    asyncio.run(hear_sound(Frames("audio", sink, 100), sink))
    heard = np.concatenate([samples for _, samples in sink.sounds])
    assert 1.9 * 16_000 <= heard.size <= 2.0 * 16_000
    assert np.median(heard) == np.float32(0.25)
    assert abs(sink.sounds[0][0] - 5 * NS_PER_MS) <= 6 * NS_PER_MS
    assert sink.ended == ["audio"]


def test_pictures_keep_their_own_rhythm() -> None:
    sink = Sink()
    asyncio.run(watch_pictures(Frames("video", sink, 60), sink))
    times = [t_ns for t_ns, _ in sink.pictures]
    steps = {round((b - a) / NS_PER_MS) for a, b in itertools.pairwise(times)}
    assert steps == {33}
    assert sink.pictures[-1][1] == 33_333_333
    assert sink.ended == ["face"]


def test_a_track_that_nobody_reads_is_drained() -> None:
    sink = Sink()
    track = Frames("video", sink, 500)
    asyncio.run(discard(track))
    assert track._left == 0
    assert sink.pictures == []


def test_pushed_media_without_times_follow_the_clock() -> None:
    sink = Sink()
    pictures, sound = PictureFeed(sink), SoundFeed(sink)
    for k in range(50):
        sink.time_ns = (k + 1) * 20 * NS_PER_MS
        pictures.push(np.zeros((8, 8, 3), np.uint8))
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 320), np.float32), format="flt", layout="mono"
        )
        frame.sample_rate = 16_000
        sound.push(frame)
    assert [t_ns for t_ns, _ in sink.pictures] == [(k + 1) * 20_000_000 for k in range(50)]
    assert sink.sounds[-1][0] <= sink.time_ns
    assert sink.sounds[-1][0] >= sink.time_ns - 60 * NS_PER_MS
