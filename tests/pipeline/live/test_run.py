from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tacit.pipeline.config import Settings
from tacit.pipeline.events import Event, SensorHealth
from tacit.pipeline.live import run as module
from tacit.pipeline.live.engine import EngineError, Opening
from tacit.pipeline.live.handle import LiveHandle
from tacit.pipeline.live.run import LiveRun
from tacit.pipeline.recorded import RecordedSession
from tacit.pipeline.recorder import Recorder, RecordOptions
from tests.fakes.small_session import IDENTITY, SmallPredictor


class Engine:
    """Stands for the engine: its session ends as soon as it is asked to."""

    failure = ""

    def __init__(self, _settings: Settings, listener: Any, most: int) -> None:
        assert most == 1
        self._listener = listener
        self.closed = False

    def start(self) -> None:
        pass

    def wait_ready(self, _timeout_s: float) -> None:
        if self.failure:
            raise EngineError(self.failure)

    def open(self, opening: Opening) -> LiveHandle:
        from tacit.pipeline.intake import Intake, SessionSetup

        setup = SessionSetup("s", opening.participant, opening.source, Settings(), {})
        tap = opening.tap_of and opening.tap_of(setup, IDENTITY)
        self.intake = Intake(setup, IDENTITY, tap)
        self.handle = LiveHandle("s", opening.participant, self._ended)
        self._listener.events("s", [self.intake.ready])
        return self.handle

    def ask(self, _session_id: str, question: Callable[[Any], Any]) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_result(question(SimpleNamespace(note=self.intake.note)))
        return future

    def source_failed(self, _session_id: str, modality: Any, code: str, detail: str) -> None:
        self._failed(modality, code, detail)

    def close(self) -> None:
        self.closed = True

    def _failed(self, modality: Any, code: str, detail: str) -> None:
        self.intake.note(code, detail)
        self.intake.failed(modality, code)
        self._listener.events("s", self.intake.journal.flush())

    def _ended(self) -> None:
        if self.handle.ending is not None and not self.handle.closed:
            self.handle.shut()
            self._listener.events("s", self.intake.close(self.handle.ending))


class NoDevices:
    def __init__(self, _handle: Any, _devices: Any, _settings: Any, report: Any) -> None:
        self.report = report

    def start(self) -> None:
        self.report.device_failed("audio", "microphone worker: exit code 3: gone")

    def close(self) -> None:
        pass


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> LiveRun:
    monkeypatch.setattr(module, "LiveEngine", Engine)
    monkeypatch.setattr(module, "DeviceSource", NoDevices)
    return LiveRun(Settings(), {"audio": "default"}, Opening(source="devices"), 0.01)


def test_it_ends_by_itself_when_its_time_is_over(live: LiveRun) -> None:
    events = list(live)
    assert events[0].type == "session.ready"
    assert events[-1].type == "session.closed"
    assert "windows in" in live.summary()


def test_a_device_that_is_gone_is_said_to_be(live: LiveRun) -> None:
    found: list[Event] = list(live)
    (health,) = [event for event in found if isinstance(event, SensorHealth)]
    assert (health.modality, health.state, health.reason) == ("audio", "lost", "device_lost")
    assert any(event.type == "error" for event in found)


def test_an_interrupted_one_gives_its_last_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LiveEngine", Engine)
    monkeypatch.setattr(module, "DeviceSource", NoDevices)
    live = LiveRun(Settings(), {"audio": "default"}, Opening())
    assert next(iter(live)).type == "session.ready"
    assert live.close("interrupted")[-1].type == "session.closed"


def test_an_engine_that_fails_is_an_error(live: LiveRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "failure", "recognizer worker: exit code 1")
    with pytest.raises(EngineError, match="recognizer worker"):
        list(live)


def test_a_recorded_one_gives_the_same_events_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "LiveEngine", Engine)
    monkeypatch.setattr(module, "DeviceSource", NoDevices)
    recorder = Recorder(RecordOptions(tmp_path / "now.mcap", purpose="a test"))
    live = LiveRun(Settings(), {"audio": "default"}, Opening(source="devices"), 0.01, recorder)
    events = list(live)
    recorder.close()
    assert recorder.failure == ""
    again = RecordedSession(tmp_path / "now.mcap", SmallPredictor())
    assert (again.facts.source, again.facts.purpose) == ("devices", "a test")
    assert [event.type for event in again] == [event.type for event in events]
