import threading
from collections.abc import Callable

import av
import numpy as np

from tacit.pipeline.live.handle import Piece
from tacit.pipeline.media_recorder import (
    NOT_KEPT,
    ROOM,
    MediaCounts,
    MediaOutlet,
    MediaRecorder,
    media_line,
)
from tacit.stream.media_codecs import PictureDecoder, SoundDecoder, Unit
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Modality

FRAME_NS = 33 * NS_PER_MS


class Kept:
    """What was written."""

    def __init__(
        self, crowded: Callable[[], bool] = lambda: False, busy: Callable[[], bool] = lambda: False
    ) -> None:
        self.units: dict[Modality, list[Unit]] = {"audio": [], "face": []}
        self.recorder = MediaRecorder(MediaOutlet(self._write, crowded, busy))

    def _write(self, modality: Modality, unit: Unit) -> None:
        self.units[modality].append(unit)


def picture(k: int, side: int = 64) -> Piece:
    return Piece("media", "face", k * FRAME_NS, FRAME_NS, np.full((side, side, 3), 90, np.uint8))


def sound(k: int) -> Piece:
    block = np.full(320, 0.25, np.float32)
    return Piece("media", "audio", k * 20 * NS_PER_MS, 20 * NS_PER_MS, block)


def test_everything_is_kept_while_there_is_time() -> None:
    kept = Kept()
    frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="bgr24")
    kept.recorder.offer(Piece("media", "face", 0, FRAME_NS, frame.reformat(format="yuv420p")))
    for k in range(1, 10):
        kept.recorder.offer(picture(k))
        kept.recorder.offer(sound(k))
    kept.recorder.offer(Piece("end", "audio", NS_PER_S))
    kept.recorder.close()
    kept.recorder.close()
    assert [u.t_ns for u in kept.units["face"]] == [k * FRAME_NS for k in range(10)]
    assert [SoundDecoder().decode(u.data)[0] for u in kept.units["audio"]] == [0.25] * 9
    assert PictureDecoder().decode(kept.units["face"][0].data) is not None
    counts = kept.recorder.counts()
    assert {m: (c.offered, c.kept, c.dropped) for m, c in counts.items()} == {
        "audio": (9, 9, {}),
        "face": (10, 10, {}),
    }
    assert counts["face"].cpu_ns > 0
    assert kept.recorder.news() == []


def test_an_overloaded_machine_keeps_ten_pictures_a_second_and_all_sound() -> None:
    kept = Kept(busy=lambda: True)
    for k in range(30):
        kept.recorder.offer(picture(k))
        kept.recorder.offer(sound(k))
    kept.recorder.close()
    assert len(kept.units["audio"]) == 30
    assert len(kept.units["face"]) == 10
    assert kept.recorder.counts()["face"].dropped == {"overload": 20}
    ((code, message),) = kept.recorder.news()
    assert code == NOT_KEPT
    assert "ten pictures a second" in message
    assert kept.recorder.news() == []


def test_a_disk_that_is_behind_gets_no_media_and_the_stream_stays_readable() -> None:
    slow = threading.Event()
    kept = Kept(crowded=slow.is_set)
    kept.recorder.offer(picture(0))
    while not kept.units["face"]:
        threading.Event().wait(0.005)
    slow.set()
    kept.recorder.offer(picture(1))
    while not kept.recorder.counts()["face"].dropped:
        threading.Event().wait(0.005)
    slow.clear()
    kept.recorder.offer(picture(2))
    kept.recorder.close()
    decoder = PictureDecoder()
    assert [u.t_ns for u in kept.units["face"]] == [0, 2 * FRAME_NS]
    assert all(decoder.decode(u.data) is not None for u in kept.units["face"])
    assert kept.recorder.counts()["face"].dropped == {"disk": 1}


def test_the_oldest_makes_room_when_encoding_is_behind() -> None:
    gate = threading.Event()
    kept = Kept(crowded=lambda: not gate.wait(20))
    for k in range(ROOM["face"] + 11):
        kept.recorder.offer(picture(k))
    gate.set()
    kept.recorder.close()
    counted = kept.recorder.counts()["face"]
    assert counted.offered == ROOM["face"] + 11 == counted.kept + counted.dropped["overflow"]
    assert counted.dropped["overflow"] in (10, 11)
    assert kept.units["face"][-1].t_ns == (ROOM["face"] + 10) * FRAME_NS


def test_a_picture_that_cannot_be_encoded_does_not_end_the_stream() -> None:
    kept = Kept()
    kept.recorder.offer(Piece("media", "face", 0, FRAME_NS, np.zeros((64, 64, 2), np.uint8)))
    kept.recorder.offer(picture(1))
    kept.recorder.close()
    assert [u.t_ns for u in kept.units["face"]] == [FRAME_NS]
    assert kept.recorder.counts()["face"].dropped == {"failed": 1}


def test_what_it_cost_is_told_in_one_line() -> None:
    counts: dict[Modality, MediaCounts] = {
        "audio": MediaCounts(50, 50, {}, 20_000, 5 * NS_PER_MS),
        "face": MediaCounts(30, 25, {"overload": 5}, 100_000, 100 * NS_PER_MS),
    }
    line = media_line(counts, NS_PER_S)
    assert line == (
        "50 pieces of sound, 0 left out, 72 MB/h, 0.5% of a core; "
        "25 pictures, 5 left out, 360 MB/h, 10.0% of a core"
    )
    assert media_line({}, 0) == ""
