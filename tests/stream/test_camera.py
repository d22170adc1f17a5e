import threading
from collections.abc import Iterator

import numpy as np
import pytest

from tacit.stream import camera as module
from tacit.stream.camera import Camera, CameraInfo, Picture, find_camera, list_cameras, name_camera
from tacit.stream.clock import ManualClock
from tacit.stream.errors import DeviceError
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Packet

TWO = [CameraInfo("Webcam C920", 0), CameraInfo("FaceTime HD", 2)]


class Reel:
    """Stands for a device: shows its pictures, one for each time it is let on."""

    def __init__(self, pictures: list[Picture | None], clock: ManualClock) -> None:
        self._pictures = iter(pictures)
        self._clock = clock
        self.on = threading.Semaphore(0)
        self.released = threading.Event()

    def isOpened(self) -> bool:
        return True

    def read(self) -> tuple[bool, Picture]:
        self.on.acquire()
        self._clock.advance(40 * NS_PER_MS)
        picture = next(self._pictures, None)
        empty = np.zeros(0, dtype=np.uint8)
        return (False, empty) if picture is None else (True, picture)

    def release(self) -> None:
        self.released.set()


def grey(level: int, height: int = 480, width: int = 640) -> Picture:
    return np.full((height, width, 3), level, dtype=np.uint8)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NS_PER_S)


def test_a_camera_is_found_by_number_name_part_or_url() -> None:
    assert find_camera("2", TWO) == 2
    assert find_camera("facetime", TWO) == 2
    assert find_camera(None, TWO) == 0
    assert find_camera("http://127.0.0.1/cam.mjpg", TWO) == "http://127.0.0.1/cam.mjpg"


def test_what_is_not_there_is_said_with_what_is() -> None:
    with pytest.raises(DeviceError, match="'Logi' is not among 'Webcam C920'; 'FaceTime HD'"):
        find_camera("Logi", TWO)
    with pytest.raises(DeviceError, match="could be any of"):
        find_camera("c", TWO)
    with pytest.raises(DeviceError, match="no camera found"):
        find_camera(None, [])


def test_twins_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    class Device:
        def __init__(self, index: int, path: str) -> None:
            self.index, self.name, self.path = index, "Cam", path

    listed = [Device(0, "/dev/a"), Device(2, "/dev/b"), Device(200, "/dev/a")]
    monkeypatch.setattr(module, "enumerate_cameras", lambda: listed)
    assert [info.name for info in list_cameras()] == ["Cam (/dev/a)", "Cam (/dev/b)"]
    assert find_camera("Cam (/dev/b)") == 2
    with pytest.raises(DeviceError, match=r"could be any of 'Cam \(/dev/a\)'; 'Cam \(/dev/b\)'"):
        find_camera("Cam")


def test_one_of_twins_is_never_taken_for_the_other() -> None:
    left = [CameraInfo("Cam", 2, "/dev/b")]
    assert find_camera("Cam (/dev/b)", left) == 2
    # With its twin gone the other asks for nothing in its place; such a path is opened as a file.
    assert find_camera("Cam (/dev/a)", left) == "Cam (/dev/a)"


def test_a_camera_is_kept_by_its_name_whatever_it_was_asked_by() -> None:
    assert name_camera("default", TWO) == "Webcam C920"
    assert name_camera("2", TWO) == "FaceTime HD"
    assert name_camera("c920", TWO) == "Webcam C920"
    assert name_camera("rtsp://camera/1", []) == "rtsp://camera/1"
    assert find_camera("3", []) == 3
    with pytest.raises(DeviceError, match="no camera has the number 7, only 0, 2"):
        name_camera("7", TWO)


def _next(reel: Reel, packets: Iterator[Packet]) -> Packet:
    reel.on.release()
    return next(packets)


def test_pictures_carry_the_time_at_which_they_came(clock: ManualClock) -> None:
    reel = Reel([grey(10), grey(20), grey(30)], clock)
    with Camera("0", clock, participant="p7", epoch=3, opener=lambda _: reel) as camera:
        packets = camera.packets()
        shots = [_next(reel, packets) for _ in range(3)]
        times_ms = [shot.t_capture_ns // NS_PER_MS for shot in shots]
        assert times_ms == [1040, 1080, 1120]
        assert [shot.duration_ns for shot in shots] == [NS_PER_S // 30, 40_000_000, 40_000_000]
        assert [int(shot.data[0, 0, 0]) for shot in shots] == [10, 20, 30]
        assert {(s.participant, s.epoch, s.modality) for s in shots} == {("p7", 3, "face")}
        reel.on.release()
    assert reel.released.wait(5)


def test_large_pictures_are_scaled_down(clock: ManualClock) -> None:
    reel = Reel([grey(90, 1080, 1920)], clock)
    with Camera("0", clock, opener=lambda _: reel) as camera:
        assert _next(reel, camera.packets()).data.shape == (360, 640, 3)
        reel.on.release()


def test_only_the_newest_picture_waits(clock: ManualClock) -> None:
    reel = Reel([grey(1), grey(2), grey(3)], clock)
    camera = Camera("0", clock, opener=lambda _: reel)
    reel.on.release(3)
    while camera.statistics.offered < 3:
        threading.Event().wait(0.001)
    assert int(next(camera.packets()).data[0, 0, 0]) == 3
    found = camera.statistics
    assert (found.offered, found.used, found.dropped["replaced"]) == (3, 1, 2)
    reel.on.release()
    camera.close()


def test_a_camera_that_gives_nothing_is_an_error(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CAMERA_OPEN_NS", NS_PER_MS)
    monkeypatch.setattr(module, "CAMERA_STALL_NS", NS_PER_MS)
    reel = Reel([grey(1)], clock)
    with Camera("0", clock, opener=lambda _: reel) as camera:
        with pytest.raises(DeviceError, match="'0' does not open"):
            next(camera.packets())
        monkeypatch.setattr(module, "CAMERA_OPEN_NS", 10 * NS_PER_S)
        packets = camera.packets()
        _next(reel, packets)
        with pytest.raises(DeviceError, match="'0' has stopped"):
            next(packets)
        reel.on.release()


def test_bad_pictures_are_passed_by_until_there_are_many(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BAD_READS", 3)
    reel = Reel([grey(1), None, None, grey(2)], clock)
    reel.on.release(50)
    with Camera("0", clock, opener=lambda _: reel) as camera:
        found: list[int] = []
        with pytest.raises(DeviceError, match="no pictures any more"):
            found.extend(int(packet.data[0, 0, 0]) for packet in camera.packets())
    assert found[-1] == 2
    assert reel.released.is_set()


def test_one_that_cannot_be_opened_says_so(clock: ManualClock) -> None:
    class Shut(Reel):
        def isOpened(self) -> bool:
            return False

    with (
        Camera("5", clock, opener=lambda _: Shut([], clock)) as camera,
        pytest.raises(DeviceError, match="'5' does not open"),
    ):
        next(camera.packets())
