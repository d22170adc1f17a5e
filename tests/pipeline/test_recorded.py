from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tacit.pipeline.config import Settings, Windows
from tacit.pipeline.events import Event, MeasurementResult, to_json_line
from tacit.pipeline.predictors import ModelIdentity
from tacit.pipeline.recorded import RecordedSession, read_facts
from tacit.pipeline.session_format import pack_packet, packet_topic
from tacit.stream.errors import RecordingError
from tacit.stream.packet import Packet
from tacit.stream.recording import RecordingWriter
from tests.fakes.small_session import (
    DIMS,
    IDENTITY,
    SmallPredictor,
    facts,
    feature,
    record_small,
)


def lines(events: list[Event]) -> list[str]:
    return [to_json_line(event) for event in events]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Event]]:
    path = tmp_path_factory.mktemp("small") / "s.mcap"
    return path, record_small(path)


def test_a_session_gives_its_events_again(small: tuple[Path, list[Event]]) -> None:
    path, events = small
    session = RecordedSession(path, SmallPredictor())
    assert lines(list(session)) == lines(events)
    assert session.tail.complete
    assert session.summary().startswith("8 windows from 4.0 s of recording")


def test_a_session_that_was_cut_gives_what_is_left(
    small: tuple[Path, list[Event]], tmp_path: Path
) -> None:
    path, events = small
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    session = RecordedSession(cut, SmallPredictor())
    found = list(session)
    inner = [e for e in found if e.type not in ("drop.report", "session.closed")]
    assert 3 < len(inner) < len(events)
    assert lines(inner) == lines(events[: len(inner)])
    assert found[-1].model_dump()["reason"] == "interrupted"
    assert "the file ends early" in session.summary()


def test_other_settings_cut_other_windows(small: tuple[Path, list[Event]]) -> None:
    settings = Settings(windows=Windows(hop_ms=250))
    found = list(RecordedSession(small[0], SmallPredictor(), settings))
    assert sum(isinstance(e, MeasurementResult) for e in found) == 16


def test_a_model_for_other_features_is_refused(small: tuple[Path, list[Event]]) -> None:
    other = ModelIdentity("other", "1" * 64, {**DIMS, "face": 9})
    with pytest.raises(RecordingError, match=r"face features of length 3, and this model reads 9"):
        list(RecordedSession(small[0], SmallPredictor(other)))


def test_files_that_hold_no_session_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.mcap"
    RecordingWriter(path).close()
    with pytest.raises(RecordingError, match="holds no recorded session"):
        read_facts(path)
    with pytest.raises(RecordingError, match="holds no recorded session"):
        RecordedSession(path, SmallPredictor())


def session_of(path: Path, packet: Packet) -> Path:
    with RecordingWriter(path) as writer:
        writer.facts(facts().to_facts())
        writer.write(packet_topic(packet), 0, pack_packet(packet))
    return path


def test_packets_that_no_stage_makes_are_refused(tmp_path: Path) -> None:
    path = session_of(tmp_path / "s.mcap", replace(feature("audio", 0, 0), meta={}))
    with pytest.raises(RecordingError, match="audio packet 0 cannot be used"):
        list(RecordedSession(path, SmallPredictor()))


def test_features_of_another_length_measure_nothing(tmp_path: Path) -> None:
    odd = replace(feature("audio", 0, 0), data=np.zeros(7, dtype=np.float32))
    found = list(RecordedSession(session_of(tmp_path / "s.mcap", odd), SmallPredictor()))
    results = [e for e in found if isinstance(e, MeasurementResult)]
    assert not any(e.modalities["audio"].source == "measured" for e in results)


def test_a_paced_replay_takes_its_time(
    small: tuple[Path, list[Event]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = 0

    def sleep(seconds: float) -> None:
        nonlocal now_ns
        now_ns += round(seconds * 1e9)

    monkeypatch.setattr("tacit.pipeline.recorded.time.monotonic_ns", lambda: now_ns)
    monkeypatch.setattr("tacit.pipeline.recorded.time.sleep", sleep)
    assert IDENTITY.dims == DIMS
    list(RecordedSession(small[0], SmallPredictor(), speed=2.0))
    assert now_ns == pytest.approx(2e9, rel=0.02)
