import shutil
import wave
from pathlib import Path

import pytest

from tools.soak_clients import Listener, Results, fake_devices


def test_windows_that_are_missing_are_counted() -> None:
    results = Results()
    for end_ms in (500, 1000, 1500, 3000, 3500):
        results.take(end_ms)
    assert (results.count, results.lost, results.last_ms) == (5, 2, 3500)


def test_a_listener_keeps_sessions_apart() -> None:
    listener = Listener()
    for session, end_ms in (("a", 500), ("b", 9000), ("a", 1000), ("b", 10_000)):
        latency = {"capture_to_result": 120.0}
        result = {"type": "measurement.result", "session_id": session, "latency_ms": latency}
        listener.take(result | {"window": {"end_ms": end_ms}}, 1.0)
    listener.take({"type": "error", "code": "worker_died"}, 2.0)
    listener.take({"type": "sensor.health"}, 2.0)
    assert {name: r.lost for name, r in listener.results.items()} == {"a": 0, "b": 1}
    assert listener.errors == {"worker_died": 1}
    assert listener.latencies == [(1.0, 120.0)] * 4


@pytest.mark.media
def test_fake_devices_are_what_chromium_plays(sample: Path, tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg (apt-get install ffmpeg)")
    picture, sound = fake_devices(sample, tmp_path)
    assert picture.read_bytes()[:2] == b"\xff\xd8"
    with wave.open(str(sound)) as file:
        assert (file.getnchannels(), file.getframerate()) == (1, 48_000)
