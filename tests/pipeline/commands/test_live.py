from typing import Any

import pytest

from tacit.pipeline.cli import app
from tacit.pipeline.commands import live as command
from tacit.stream.errors import DeviceError
from tacit.stream.microphone import MicrophoneInfo


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []

    def run(_settings: Any, devices: Any, opening: Any, seconds: float | None) -> str:
        found.append((devices, opening, seconds))
        return "run"

    info = MicrophoneInfo("USB Mic, ALSA", 1, 48_000, default=True)
    monkeypatch.setattr(command, "LiveRun", run)
    monkeypatch.setattr(command, "play", lambda _run, _path: None)
    monkeypatch.setattr(command, "find_microphone", lambda _name: (0, info))
    monkeypatch.setattr(command, "name_camera", lambda name: name)
    return found


def test_it_runs_on_both_devices_by_their_stable_names(runs: list[tuple[Any, ...]]) -> None:
    app(["live", "--microphone", "usb", "--camera", "2", "--seconds", "5"], standalone_mode=False)
    devices, opening, seconds = runs[0]
    assert devices == {"audio": "USB Mic, ALSA", "face": "2"}
    assert opening.absent == {}
    assert seconds == 5.0


def test_a_device_may_be_left_out(runs: list[tuple[Any, ...]]) -> None:
    app(["live", "--camera", "off"], standalone_mode=False)
    devices, opening, _ = runs[0]
    assert set(devices) == {"audio"}
    assert opening.absent == {"face": "switched_off"}
    app(["live", "--microphone", "off"], standalone_mode=False)
    devices, opening, _ = runs[1]
    assert set(devices) == {"face"}
    # Without sound there are no words either.
    assert opening.absent == {"audio": "switched_off", "text": "switched_off"}


@pytest.mark.usefixtures("runs")
def test_without_any_device_there_is_nothing_to_read() -> None:
    with pytest.raises(Exception, match="both off"):
        app(["live", "--camera", "off", "--microphone", "off"], standalone_mode=False)


@pytest.mark.usefixtures("runs")
def test_a_name_that_is_wrong_from_the_start_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> tuple[int, MicrophoneInfo]:
        raise DeviceError(f"microphone {name!r} is not among 'USB Mic'")

    monkeypatch.setattr(command, "find_microphone", find)
    with pytest.raises(
        DeviceError, match=r"'Headset' is not among .*--microphone off goes without"
    ):
        app(["live", "--microphone", "Headset"], standalone_mode=False)


@pytest.mark.usefixtures("runs")
def test_the_default_camera_is_settled_before_it_can_go_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "name_camera", lambda _source: "Webcam C920")
    assert command.devices_of("off", "default") == {"face": "Webcam C920"}
