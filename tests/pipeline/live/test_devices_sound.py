"""A microphone on a real sound server: read, pulled out, plugged in again."""

import sys

import numpy as np
import pytest

from tacit.pipeline.config import Settings
from tacit.pipeline.live import devices as module
from tacit.pipeline.live.devices import AGAIN, DeviceSource
from tacit.pipeline.live.handle import LiveHandle
from tacit.stream.packet import NS_PER_S
from tests.fakes.sound_server import missing, sound_server
from tests.pipeline.live.test_devices import Reports, wait_for

RATE_HZ = 16_000
TONE_HZ = 440.0


class Ear:
    """Takes what the source offers, and measures it."""

    def __init__(self, handle: LiveHandle) -> None:
        self._handle = handle
        self.times_ns: list[int] = []
        self.loud = 0

    def take(self) -> int:
        """How many loud blocks have come by now."""
        try:
            while True:
                piece = self._handle.channels["audio"].take(0)
                assert isinstance(piece.content, np.ndarray)
                self.times_ns.append(piece.t_ns)
                self.loud += float(np.sqrt((piece.content**2).mean())) > 0.1
        except TimeoutError:
            return self.loud


@pytest.mark.process
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform != "linux", reason="the stand-in is PulseAudio")
@pytest.mark.skipif(bool(missing()), reason=f"needs {', '.join(missing())}")
def test_a_microphone_that_is_pulled_out_is_reported_and_taken_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quick = type(AGAIN)(first_ns=NS_PER_S // 10, most_ns=NS_PER_S, breaker_deaths=1000)
    monkeypatch.setattr(module, "AGAIN", quick)
    handle, reports = LiveHandle("s", "p1", lambda: None), Reports()
    ear = Ear(handle)
    tone = (0.4 * np.sin(2 * np.pi * TONE_HZ * np.arange(120 * RATE_HZ) / RATE_HZ)).astype("f4")
    with sound_server() as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        server.say(tone, RATE_HZ)
        source = DeviceSource(handle, {"audio": "pulse, ALSA"}, Settings(), reports)
        source.start()
        try:
            wait_for(lambda: ear.take() > 25)
            server.unplug()
            wait_for(lambda: bool(reports.failed))
            assert reports.failed[0][0] == "audio"
            assert "microphone 'pulse, ALSA' " in reports.failed[0][1]
            server.plug()
            server.say(tone, RATE_HZ)
            before = ear.take()
            wait_for(lambda: ear.take() > before + 25)
        finally:
            source.close()
    told = [detail for _, detail in reports.failed]
    assert len(told) == len(set(told)), "the same was said twice"
    assert ear.times_ns == sorted(ear.times_ns)
    assert ear.times_ns[-1] <= handle.now_ns()
