from pathlib import Path

import pytest

from tacit.pipeline.events import MeasurementResult, to_json_line
from tacit.pipeline.sessions import FILE_END, SessionError, load_session
from tacit.stream.recording import RecordingWriter
from tests.fakes.small_session import packets, record_small, run


def test_a_recorded_session_and_its_json_lines_hold_the_same_events(tmp_path: Path) -> None:
    events = record_small(tmp_path / "s.mcap", purpose="study")
    lines = tmp_path / "s.jsonl"
    lines.write_text("".join(to_json_line(e) + "\n" for e in events), encoding="utf-8")
    recorded, listed = load_session(tmp_path / "s.mcap"), load_session(lines)
    assert recorded.events == listed.events == events
    assert recorded.metadata["purpose"] == "study"
    assert recorded.metadata[FILE_END] == "complete"
    assert (listed.metadata, listed.media, recorded.media) == ({}, None, None)
    assert [r.window.end_ms for r in recorded.results] == list(range(500, 4001, 500))
    assert len(recorded.transcripts) == 1
    assert {h.modality for h in recorded.health} == {"audio", "face", "text"}


def test_the_highest_revision_of_a_window_counts(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    events = run(packets(2.0))
    first = next(e for e in events if isinstance(e, MeasurementResult))
    better = to_json_line(first).replace("measurement.result", "measurement.revised")
    better = better.replace('"revision":0', '"revision":2')
    path.write_text("".join(to_json_line(e) + "\n" for e in events) + better, encoding="utf-8")
    results = load_session(path).results
    assert results[0].revision == 2
    assert len(results) == 4


def test_a_cut_session_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s.mcap"
    record_small(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert load_session(path).metadata[FILE_END] != "complete"


@pytest.mark.parametrize("content", [b"", b"[1]\n", b'{"type":"nonsense"}\n', b"\xff\xfe"])
def test_files_without_a_session_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(content)
    with pytest.raises(SessionError, match=r"s\.jsonl"):
        load_session(path)


def test_missing_files_and_empty_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="cannot be read"):
        load_session(tmp_path / "none.mcap")
    RecordingWriter(tmp_path / "empty.mcap").close()
    with pytest.raises(SessionError, match="holds no recorded session"):
        load_session(tmp_path / "empty.mcap")
