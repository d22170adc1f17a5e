"""The engine with its real workers: kills, hangs, several people, nothing left behind."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tacit.models.errors import ModelError
from tacit.pipeline.config import Settings
from tacit.pipeline.events import Event, read_event, to_json_line
from tacit.pipeline.inject import InjectError
from tacit.pipeline.live.engine import EngineError, LiveEngine, Opening, live_plan
from tacit.pipeline.live.handle import LiveHandle
from tacit.stream.player import FilePlayer

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

WAIT_S = 90.0


class Heard:
    def __init__(self) -> None:
        self.by_session: dict[str, list[Event]] = {}
        self._changed = threading.Condition()

    def events(self, session_id: str, events: list[Event]) -> None:
        with self._changed:
            self.by_session.setdefault(session_id, []).extend(events)
            self._changed.notify_all()

    def views(self, session_id: str, views: list[dict[str, Any]]) -> None: ...

    def wait(self, session_id: str, found: Callable[[Any], bool], after: int = 0) -> int:
        """Wait for an event; gives its place."""
        deadline = time.monotonic() + WAIT_S
        with self._changed:
            while True:
                events = self.by_session.get(session_id, [])
                for place, event in enumerate(events[after:], after):
                    if found(event):
                        return place
                left = deadline - time.monotonic()
                assert left > 0, [to_json_line(e) for e in events[-5:]]
                self._changed.wait(left)


@pytest.fixture(scope="module")
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="module")
def engine(heard: Heard) -> Iterator[LiveEngine]:
    made = LiveEngine(Settings(asr="off"), heard, most=3)
    with pytest.raises(EngineError, match="still loading"):
        made.open(Opening())
    made.start()
    made.wait_ready(240)
    yield made
    pids = list(made.worker_pids().values())
    made.close()
    assert not any(pid is not None and Path(f"/proc/{pid}").exists() for pid in pids)


class Playing:
    """A session on the sample, again and again."""

    def __init__(self, engine: LiveEngine, sample: Path, participant: str = "p1") -> None:
        self.handle: LiveHandle = engine.open(Opening(participant, "test"))
        self.player = FilePlayer(sample, self.handle, loop=True)
        self.player.start()

    def stop(self) -> None:
        self.player.stop()
        self.handle.end("end")


def measured(modality: str) -> Callable[[Any], bool]:
    return lambda e: e.type == "measurement.result" and e.modalities[modality].source == "measured"


def health(modality: str, state: str, reason: str | None = None) -> Callable[[Any], bool]:
    def found(event: Any) -> bool:
        named = event.type == "sensor.health" and event.modality == modality
        return named and event.state == state and (reason is None or event.reason == reason)

    return found


def test_several_people_are_read_at_once(engine: LiveEngine, heard: Heard, sample: Path) -> None:
    people = [Playing(engine, sample, name) for name in ("anna", "ben")]
    for person in people:
        name = person.handle.session_id
        heard.wait(name, lambda e: measured("audio")(e) and measured("face")(e))
        person.stop()
    for person in people:
        name = person.handle.session_id
        heard.wait(name, lambda e: e.type == "session.closed")
        events = heard.by_session[name]
        assert [e.seq for e in events] == list(range(len(events)))
        assert {e.participant for e in events if hasattr(e, "participant")} == {
            person.handle.participant
        }
        for event in events:
            read_event(to_json_line(event))
        results: list[Any] = [e for e in events if e.type == "measurement.result"]
        ends = [e.window.end_ms for e in results]
        assert ends == list(range(500, 500 * len(ends) + 1, 500))
        for result in results:
            steps = dict(result.latency_ms)
            whole = steps.pop("capture_to_result")
            assert sum(steps.values()) == pytest.approx(whole, abs=0.1)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_stage_that_dies_or_hangs_is_flagged_replaced_and_heals(
    engine: LiveEngine, heard: Heard, sample: Path, how: signal.Signals
) -> None:
    person = Playing(engine, sample)
    name = person.handle.session_id
    place = heard.wait(name, measured("face"))
    pid = engine.worker_pids()["face"]
    assert pid is not None
    os.kill(pid, how)
    place = heard.wait(name, health("face", "lost"), place)
    code = "worker_died" if how is signal.SIGKILL else "worker_hung"
    place = heard.wait(name, lambda e: e.type == "error" and e.code == code and "face" in e.message)
    heard.wait(name, measured("audio"), place)
    heard.wait(name, measured("face"), place)
    assert engine.worker_pids()["face"] != pid
    person.stop()
    closed = heard.wait(name, lambda e: e.type == "session.closed")
    results: list[Any] = [
        e for e in heard.by_session[name][:closed] if e.type == "measurement.result"
    ]
    ends = [e.window.end_ms for e in results]
    assert ends == list(range(500, 500 * len(ends) + 1, 500))


def test_a_recognizer_that_dies_loses_no_window(
    engine: LiveEngine, heard: Heard, sample: Path
) -> None:
    person = Playing(engine, sample)
    name = person.handle.session_id
    place = heard.wait(name, measured("audio"))
    pid = engine.worker_pids()["recognizer"]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    place = heard.wait(name, lambda e: e.type == "error" and "recognizer" in e.message, place)
    heard.wait(name, measured("audio"), place)
    person.stop()
    heard.wait(name, lambda e: e.type == "session.closed")
    results: list[Any] = [e for e in heard.by_session[name] if e.type == "measurement.result"]
    assert [e.window.end_ms for e in results] == [500 * (k + 1) for k in range(len(results))]


def test_damage_is_found_by_those_who_were_not_told(
    engine: LiveEngine, heard: Heard, sample: Path
) -> None:
    person = Playing(engine, sample)
    name = person.handle.session_id
    place = heard.wait(name, measured("face"))
    engine.ask(name, lambda s: s.damage.inject("face", "freeze", s.now_ns)).result(10)
    place = heard.wait(name, health("face", "degraded", "frozen"), place)
    engine.ask(name, lambda s: s.damage.mend()).result(10)
    heard.wait(name, health("face", "ok"), place)
    with pytest.raises(InjectError):
        engine.ask(name, lambda s: s.damage.inject("face", "mute", s.now_ns)).result(10)
    person.stop()
    heard.wait(name, lambda e: e.type == "session.closed")
    with pytest.raises(KeyError):
        engine.ask(name, lambda s: s.now_ns).result(10)


def test_wrong_damage_opens_no_session(engine: LiveEngine) -> None:
    with pytest.raises(InjectError):
        engine.open(Opening(inject="face:off"))


def test_what_is_missing_is_said_before_a_process_is_started(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no checkpoint"):
        live_plan(Settings(weights=tmp_path), 1)
    with pytest.raises(ModelError):
        live_plan(Settings(asr=str(tmp_path)), 1)
    assert set(live_plan(Settings(asr="off"), 1).disabled) == {"text"}
