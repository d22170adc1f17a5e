import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tacit.stream import microphone as module
from tacit.stream.clock import ManualClock
from tacit.stream.errors import DeviceError
from tacit.stream.microphone import Microphone, find_microphone, list_microphones
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Packet

BLOCK = 320


class PortAudioError(Exception):
    pass


class Stream:
    """Stands for `sounddevice.InputStream`: sound comes when the test says so."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.callback: Callable[..., None] = settings["callback"]
        self.closed = False

    def start(self) -> None:
        pass

    def abort(self) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True


class Library:
    """Stands for `sounddevice`."""

    PortAudioError = PortAudioError

    def __init__(self, refused_hz: tuple[int, ...] = ()) -> None:
        self.default = SimpleNamespace(device=(1, 0))
        self.refused_hz = refused_hz
        self.streams: list[Stream] = []

    def query_hostapis(self) -> list[dict[str, Any]]:
        return [{"name": "ALSA", "default_input_device": 2}]

    def query_devices(self) -> list[dict[str, Any]]:
        names = [("Speakers", 0), ("USB Mic", 1), ("Webcam Mic", 2)]
        return [
            {"name": n, "max_input_channels": c, "default_samplerate": 48000.0, "hostapi": 0}
            for n, c in names
        ]

    def InputStream(self, **settings: Any) -> Stream:
        if settings["samplerate"] in self.refused_hz:
            raise PortAudioError("Invalid sample rate")
        self.streams.append(Stream(settings))
        return self.streams[-1]


class Recording:
    """A microphone whose sound and time the test makes."""

    def __init__(self, rate_hz: int = 16_000) -> None:
        self.clock = ManualClock(5 * NS_PER_S)
        self.rate_hz = rate_hz
        self.library = Library(refused_hz=(16_000,) if rate_hz != 16_000 else ())
        self.microphone = Microphone(
            "Webcam", self.clock, participant="p2", epoch=4, library=self.library
        )
        self.sent = 0
        self.time_ns = self.clock.now_ns()

    def say(
        self, blocks: int = 1, *, overflow: bool = False, after_ns: int = 0, late_ns: int = 0
    ) -> None:
        count = self.rate_hz // 50
        for _ in range(blocks):
            self.time_ns += 20 * NS_PER_MS + after_ns
            self.clock.set(self.time_ns + late_ns)
            ramp = (np.arange(self.sent, self.sent + count) % 100).astype(np.float32) / 200
            self.sent += count
            stereo = np.stack([ramp, np.zeros_like(ramp)], axis=1)
            status = SimpleNamespace(input_overflow=overflow)
            self.library.streams[0].callback(stereo, count, None, status)
            overflow, after_ns = False, 0

    def heard(self) -> list[Packet]:
        self.microphone.close()
        return list(self.microphone.packets())


def test_devices_are_listed_by_name_and_host() -> None:
    found = list_microphones(Library())
    assert [info.name for info in found] == ["USB Mic, ALSA", "Webcam Mic, ALSA"]
    assert [info.default for info in found] == [True, False]


def test_the_host_names_the_default_where_the_user_has_not() -> None:
    library = Library()
    library.default = SimpleNamespace(device=(-1, -1))
    assert find_microphone(None, library)[1].name == "Webcam Mic, ALSA"


def test_a_microphone_is_found_by_name_or_part_and_never_replaced() -> None:
    assert find_microphone("webcam", Library())[0] == 2
    assert find_microphone("USB Mic, ALSA", Library())[0] == 1
    assert find_microphone("default", Library())[0] == 1
    with pytest.raises(DeviceError, match="'Headset' is not among 'USB Mic, ALSA'"):
        find_microphone("Headset", Library())
    with pytest.raises(DeviceError, match="'mic' could be any of"):
        find_microphone("mic", Library())


def test_without_any_the_user_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    monkeypatch.setattr(library, "query_devices", list)
    with pytest.raises(DeviceError, match="no microphone found: connect one"):
        find_microphone(None, library)


def test_sound_comes_as_mono_blocks_at_the_time_of_its_first_sample() -> None:
    recording = Recording()
    recording.say(5)
    packets = recording.heard()
    assert packets[0].t_capture_ns == 5 * NS_PER_S
    assert sum(packet.data.size for packet in packets) == 5 * BLOCK
    whole = np.concatenate([packet.data for packet in packets])
    # Half, because the other channel is silent.
    np.testing.assert_allclose(whole, (np.arange(5 * BLOCK) % 100) / 400, atol=1e-6)
    assert [p.seq for p in packets] == list(range(len(packets)))
    assert {(p.participant, p.epoch, p.source) for p in packets} == {("p2", 4, "Webcam Mic, ALSA")}


def test_jitter_of_the_callback_moves_no_packet() -> None:
    recording = Recording()
    recording.say(30)
    recording.say(1, late_ns=15 * NS_PER_MS)
    recording.say(30)
    starts = [packet.t_capture_ns for packet in recording.heard()]
    assert set(np.diff(starts)) == {20 * NS_PER_MS}


def test_an_overflow_is_a_hole_in_time() -> None:
    recording = Recording()
    recording.say(10)
    recording.say(1, overflow=True, after_ns=200 * NS_PER_MS)
    recording.say(9)
    packets = recording.heard()
    ends = [p.t_end_ns for p in packets]
    holes = [b.t_capture_ns - a for a, b in zip(ends[:-1], packets[1:], strict=True)]
    assert max(holes) == pytest.approx(200 * NS_PER_MS, abs=21 * NS_PER_MS)
    assert packets[-1].meta["overflows"] == 1


def test_a_device_with_a_rate_of_its_own_is_resampled() -> None:
    recording = Recording(rate_hz=48_000)
    recording.say(50)
    packets = recording.heard()
    assert recording.library.streams[0].settings["samplerate"] == 48_000
    assert sum(packet.data.size for packet in packets) == pytest.approx(16_000, abs=400)


def test_one_that_does_not_open_is_named() -> None:
    library = Library(refused_hz=(16_000, 48_000))
    with pytest.raises(DeviceError, match="'USB Mic, ALSA' does not open: Invalid sample rate"):
        Microphone("USB", ManualClock(), library=library)


def test_silence_of_the_device_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MICROPHONE_OPEN_NS", NS_PER_MS)
    with (
        Microphone("USB", ManualClock(), library=Library()) as microphone,
        pytest.raises(DeviceError, match="'USB Mic, ALSA' gives no sound; is it still connected"),
    ):
        next(microphone.packets())


def test_sound_after_the_close_is_passed_by() -> None:
    recording = Recording()
    recording.microphone.close()
    recording.say(1)
    assert list(recording.microphone.packets()) == []
    assert recording.library.streams[0].closed
    assert recording.microphone.statistics.dropped["closed"] == 1


def test_a_device_may_sleep_at_first_but_not_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CAPTURE_STALL_NS", NS_PER_MS)
    recording = Recording()
    packets = recording.microphone.packets()
    # By its own deadline the first sound would be late.
    threading.Timer(0.05, recording.say, (3,)).start()
    assert next(packets).seq == 0
    with pytest.raises(DeviceError, match="'Webcam Mic, ALSA' has stopped"):
        list(packets)
    recording.microphone.close()


def twins(names: list[str]) -> Library:
    library = Library()
    devices = [{**library.query_devices()[1], "name": name} for name in names]
    library.query_devices = lambda: devices  # type: ignore[method-assign]
    return library


def test_an_address_that_may_change_is_no_part_of_the_name() -> None:
    one = twins(["USB Mic: Audio (hw:1,0)"])
    assert [info.name for info in list_microphones(one)] == ["USB Mic: Audio, ALSA"]
    assert find_microphone("USB Mic: Audio, ALSA", twins(["USB Mic: Audio (hw:3,0)"]))[0] == 0


def test_twins_are_told_apart_by_their_addresses() -> None:
    two = twins(["Mic (hw:1,0)", "Mic (hw:2,0)"])
    assert [info.name for info in list_microphones(two)] == [
        "Mic (hw:1,0), ALSA",
        "Mic (hw:2,0), ALSA",
    ]
    assert find_microphone("Mic (hw:2,0), ALSA", two)[0] == 1
    with pytest.raises(DeviceError, match=r"could be any of 'Mic \(hw:1,0\), ALSA'"):
        find_microphone("Mic, ALSA", two)
    # The other is not taken when one is gone.
    with pytest.raises(DeviceError, match="is not among 'Mic, ALSA'"):
        find_microphone("Mic (hw:1,0), ALSA", twins(["Mic (hw:2,0)"]))


def test_twins_without_addresses_need_the_user() -> None:
    with pytest.raises(DeviceError, match="2 devices have this name; unplug all but one"):
        find_microphone("Mic", twins(["Mic", "Mic"]))


def test_what_the_sound_server_chooses_is_marked() -> None:
    found = list_microphones(twins(["pulse", "USB Mic"]))
    assert [info.any_source for info in found] == [True, False]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("Device unavailable [PaErrorCode -9985]", "is in use by another program; close that"),
        ("Device or resource busy", "is in use by another program"),
        ("Input/output error", "does not open: Input/output error; is it still connected"),
    ],
)
def test_a_device_that_does_not_open_is_one_sentence(reason: str, told: str) -> None:
    class Refusing(Library):
        def InputStream(self, **_settings: Any) -> Stream:
            raise PortAudioError(reason)

    with pytest.raises(DeviceError, match=told):
        Microphone("USB Mic, ALSA", ManualClock(), library=Refusing())
