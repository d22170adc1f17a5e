import av
import numpy as np
import pytest

from tacit.pipeline.job import OFFERED
from tacit.pipeline.live.handle import ROOM, LiveHandle, Piece
from tacit.stream.errors import ChannelClosed
from tacit.stream.packet import NS_PER_MS, NS_PER_S


def handle() -> tuple[LiveHandle, list[int]]:
    woken: list[int] = []
    return LiveHandle("s1", "p1", lambda: woken.append(1)), woken


def test_media_wait_for_the_engine_and_wake_it() -> None:
    one, woken = handle()
    one.sound(np.zeros(320, np.float32), 5 * NS_PER_MS)
    one.picture(np.zeros((4, 4, 3), np.uint8), 7 * NS_PER_MS, 33 * NS_PER_MS)
    assert len(woken) == 2
    sound = one.channels["audio"].take(0)
    assert (sound.t_ns, sound.duration_ns) == (5 * NS_PER_MS, 20 * NS_PER_MS)
    assert one.channels["face"].take(0).t_ns == 7 * NS_PER_MS


def test_what_the_engine_does_not_take_makes_room_for_what_is_new() -> None:
    one, _ = handle()
    for k in range(10):
        one.picture(np.zeros((4, 4, 3), np.uint8), k, 1)
    statistics = one.statistics()["face"]
    assert statistics.in_flight == ROOM["face"]
    assert statistics.dropped["overflow"] == 10 - ROOM["face"]
    assert one.channels["face"].take(0).t_ns == 10 - ROOM["face"]


def test_a_decoded_picture_is_converted_when_it_is_used() -> None:
    frame = av.VideoFrame.from_ndarray(np.full((720, 1280, 3), 90, np.uint8), format="bgr24")
    piece = Piece("media", "face", 3, 4, frame.reformat(format="yuv420p"))
    packet = piece.packet("s1", 9, {"outline": True})
    assert packet.data.shape == (360, 640, 3)
    assert (packet.seq, packet.participant, packet.t_available_ns) == (9, "s1", 7)
    assert packet.meta["outline"] is True
    assert packet.meta[OFFERED] == piece.offered_ns


def test_a_shut_handle_takes_nothing_and_complains_to_nobody() -> None:
    one, _ = handle()
    one.sound(np.zeros(320, np.float32), 0)
    one.shut()
    one.sound(np.zeros(320, np.float32), 0)
    one.stream_ended("audio")
    one.picture(np.zeros((4, 4, 3), np.uint8), 0, 1)
    with pytest.raises(ChannelClosed):
        one.channels["audio"].take(0)


def test_the_first_reason_to_end_counts() -> None:
    one, woken = handle()
    one.end("interrupted")
    one.end("end")
    assert one.ending == "interrupted"
    assert len(woken) == 2


def test_session_time_begins_with_the_handle_and_so_does_the_time_of_day() -> None:
    one, _ = handle()
    assert 0 <= one.now_ns() < NS_PER_S
    assert one.clock.anchor_utc.endswith("+00:00")
