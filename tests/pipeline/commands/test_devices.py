import json

import pytest

from tacit.pipeline.cli import app
from tacit.pipeline.commands import devices as command
from tacit.stream.camera import CameraInfo
from tacit.stream.errors import DeviceError
from tacit.stream.microphone import MicrophoneInfo


def listed(
    monkeypatch: pytest.MonkeyPatch, microphones: list[MicrophoneInfo], cameras: list[CameraInfo]
) -> None:
    monkeypatch.setattr(command, "list_microphones", lambda: microphones)
    monkeypatch.setattr(command, "list_cameras", lambda: cameras)


def test_devices_are_listed_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    microphone = MicrophoneInfo("USB, ALSA", 1, 48_000, default=True)
    server = MicrophoneInfo("pulse, ALSA", 32, 44_100, default=False, any_source=True)
    listed(monkeypatch, [microphone, server], [CameraInfo("Webcam", 2, "/dev/video2")])
    monkeypatch.setenv("COLUMNS", "120")
    app(["devices"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "USB, ALSA" in shown
    assert "default" in shown
    assert "Webcam" in shown
    assert "whichever the system has chosen" in shown
    app(["devices", "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    assert told["microphones"][0]["name"] == "USB, ALSA"
    assert told["cameras"] == [{"name": "Webcam", "number": 2, "path": "/dev/video2"}]


def test_without_any_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listed(monkeypatch, [], [])
    app(["devices"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "No microphone: connect one" in shown
    assert "No camera: connect one" in shown


def test_without_portaudio_cameras_are_listed_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listed(monkeypatch, [], [CameraInfo("Webcam", 0)])

    def missing() -> list[MicrophoneInfo]:
        raise DeviceError("install PortAudio")

    monkeypatch.setattr(command, "list_microphones", missing)
    app(["devices"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "install PortAudio" in shown
    assert "Webcam" in shown
