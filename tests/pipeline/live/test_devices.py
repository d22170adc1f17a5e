import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tacit.models.features import Modality
from tacit.pipeline.config import Settings
from tacit.pipeline.job import Go, Job
from tacit.pipeline.live import devices as module
from tacit.pipeline.live.devices import AGAIN, DeviceSource, ReadAnchored, open_device
from tacit.pipeline.live.handle import LiveHandle
from tacit.pipeline.supervisor import Restarts
from tacit.stream.errors import DeviceError
from tacit.stream.packet import NS_PER_S
from tools.fault_rows.webcam import webcam


class Reports:
    def __init__(self) -> None:
        self.failed: list[tuple[Modality, str]] = []

    def device_failed(self, modality: Modality, detail: str) -> None:
        self.failed.append((modality, detail))


def test_a_device_is_never_given_up() -> None:
    restarts = Restarts(AGAIN)
    now_ns = 0
    for _ in range(50):
        due_ns = restarts.died(now_ns)
        assert due_ns is not None
        assert due_ns - now_ns <= 8 * NS_PER_S
        now_ns = due_ns


def test_session_time_is_the_same_in_every_process() -> None:
    anchor_ns = time.monotonic_ns() - 5 * NS_PER_S
    assert ReadAnchored(anchor_ns).now_ns() == pytest.approx(5 * NS_PER_S, abs=NS_PER_S)


def test_a_worker_opens_the_device_of_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    from tacit.stream import microphone

    monkeypatch.setattr(microphone, "portaudio", lambda: Silent())
    job = Job(settings=Settings(), device="Headset")
    with pytest.raises(DeviceError, match="no microphone found"):
        open_device("microphone", job, Go(anchor_ns=0))


class Silent:
    """Stands for a sound system without devices."""

    default = type("Default", (), {"device": (-1, -1)})

    def query_hostapis(self) -> list[dict[str, Any]]:
        return [{"name": "none", "default_input_device": -1}]

    def query_devices(self) -> list[dict[str, Any]]:
        return []


def wait_for(reached: Callable[[], bool], most_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + most_s
    while not reached():
        assert time.monotonic() < deadline_s, "it did not come about"
        time.sleep(0.02)


@pytest.mark.process
@pytest.mark.timeout(240)
def test_a_camera_that_is_unplugged_is_reported_and_taken_up_again(
    sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = type(AGAIN)(first_ns=NS_PER_S // 10, most_ns=NS_PER_S, breaker_deaths=1000)
    monkeypatch.setattr(module, "AGAIN", quick)
    handle, reports = LiveHandle("s", "p1", lambda: None), Reports()
    taken: list[int] = []

    def pictures() -> int:
        try:
            while True:
                piece = handle.channels["face"].take(0)
                assert isinstance(piece.content, np.ndarray)
                assert piece.content.shape[2] == 3
                taken.append(piece.t_ns)
        except TimeoutError:
            return len(taken)

    with webcam(sample) as camera:
        source = DeviceSource(handle, {"face": camera.url}, Settings(), reports)
        source.start()
        wait_for(lambda: pictures() > 5)
        port = camera.port
        camera.unplug()
        wait_for(lambda: bool(reports.failed))
        assert reports.failed[0][0] == "face"
        assert "camera worker: exit code 3" in reports.failed[0][1]
        before = pictures()
    from tools.fault_rows.webcam import Webcam

    again = Webcam(sample, port)
    wait_for(lambda: pictures() > before + 5)
    source.close()
    again.unplug()
    assert taken == sorted(taken)
    assert taken[-1] <= handle.now_ns()
