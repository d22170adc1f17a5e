import datetime
from pathlib import Path

import pytest

from tacit.pipeline.purge import delete, has_expired, sessions_in
from tacit.stream.errors import RecordingError
from tests.fakes.small_session import facts, record_small

MADE = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def test_sessions_are_found_in_a_folder_and_below_it(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    record_small(tmp_path / "a.mcap", 1.0, participant="p7")
    record_small(tmp_path / "inner" / "b.mcap", 1.0)
    (tmp_path / "c.mcap").write_text("not one")
    (tmp_path / "d.txt").write_text("no session either")
    found = {f.path.name: f for f in sessions_in(tmp_path)}
    assert set(found) == {"a.mcap", "b.mcap", "c.mcap"}
    assert found["a.mcap"].facts is not None
    assert found["a.mcap"].facts.participant == "p7"
    assert "not an MCAP file" in found["c.mcap"].problem
    with pytest.raises(RecordingError, match="no such folder"):
        list(sessions_in(tmp_path / "none"))


def test_a_session_expires_after_its_days() -> None:
    kept = facts(retention_days=30)
    assert not has_expired(kept, MADE + datetime.timedelta(days=29))
    assert has_expired(kept, MADE + datetime.timedelta(days=30))
    assert not has_expired(facts(), MADE + datetime.timedelta(days=9999))
    with pytest.raises(RecordingError, match="created at"):
        has_expired(facts(retention_days=1, created_utc="yesterday"), MADE)


def test_the_copy_of_its_media_goes_with_a_session(tmp_path: Path) -> None:
    record_small(tmp_path / "s.mcap", 1.0, media="clip.mp4", media_enclosed=True)
    for name in ("s.media.mp4", "clip.mp4", "s.media.txt"):
        (tmp_path / name).write_text("x")
    for found in sessions_in(tmp_path):
        delete(found)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "s.media.txt"]
