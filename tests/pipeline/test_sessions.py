import hashlib
import stat
from pathlib import Path

import pytest

from tacit.pipeline.events import MeasurementResult, to_json_line
from tacit.pipeline.recorder import Recorder, RecordOptions
from tacit.pipeline.session_media import copy_path, media_of
from tacit.pipeline.sessions import FILE_END, SessionError, load_session
from tacit.stream.errors import RecordingError
from tacit.stream.recording import RecordingWriter
from tests.fakes.small_session import facts, packets, record_small, run

FILM = b"film" * 100


def named(media: Path, **changes: object) -> dict[str, object]:
    digest = hashlib.sha256(FILM).hexdigest()
    fields = {"media": media.name, "media_bytes": len(FILM), "media_path": str(media)}
    return {**fields, "media_sha256": digest, **changes}


def record_with_media(path: Path, media: Path) -> None:
    recorder = Recorder(RecordOptions(path, media=True))
    recorder.begin(facts(**named(media, media_enclosed=True)), media)
    for event in run(packets(2.0), recorder):
        recorder.event(event)
    recorder.close()


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


def test_enclosed_media_are_taken_out_for_players(tmp_path: Path) -> None:
    media = tmp_path / "elsewhere.mp4"
    media.write_bytes(FILM)
    path = tmp_path / "s.mcap"
    record_with_media(path, media)
    media.unlink()
    found = load_session(path).media
    assert found == tmp_path / "s.media.mp4"
    assert found.read_bytes() == FILM
    assert stat.S_IMODE(found.stat().st_mode) == 0o600
    assert media_of(path)[1] == found
    assert load_session(path).media == found


def test_media_are_found_where_they_were_or_beside_the_session_if_unchanged(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    media = folder / "clip.mp4"
    media.write_bytes(FILM)
    path = tmp_path / "s.mcap"
    record_small(path, 2.0, **named(media))
    assert load_session(path).media == media
    moved = media.rename(tmp_path / "clip.mp4")
    assert load_session(path).media == moved
    moved.write_bytes(b"FILM" * 100)
    assert load_session(path).media is None
    with pytest.raises(RecordingError, match=r"clip\.mp4 are not in it"):
        media_of(path)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a.mp4/../b", "x.sh;rm", "noext"])
def test_a_media_name_cannot_point_elsewhere(tmp_path: Path, name: str) -> None:
    copy = copy_path(tmp_path / "s.mcap", facts(media=name))
    assert copy.parent == tmp_path
    assert copy.name.startswith("s.media")
