from pathlib import Path

import pytest

from tacit.pipeline.cli import app
from tacit.pipeline.commands import replay as command
from tacit.pipeline.events import to_json_line
from tacit.pipeline.job import Job
from tests.fakes.small_session import SmallPredictor, record_small


@pytest.fixture(autouse=True)
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(_: Job) -> SmallPredictor:
        return SmallPredictor()

    monkeypatch.setattr(command, "InlinePredictor", build)


def call(*words: str | Path) -> int:
    """Run the program in this process; its exit status."""
    result = app([str(word) for word in words], standalone_mode=False)
    return result if isinstance(result, int) else 0


def test_a_session_is_known_by_its_content(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = record_small(tmp_path / "session")
    call("replay", tmp_path / "session", "--json", tmp_path / "s.jsonl")
    lines = (tmp_path / "s.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines == [to_json_line(event) for event in events]
    assert "8 windows from 4.0 s of recording" in capsys.readouterr().out


def test_verify_tells_how_many_events_are_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record_small(tmp_path / "s.mcap", model_sha256="1" * 64)
    call("verify-replay", tmp_path / "s.mcap")
    assert capsys.readouterr().out.startswith("OK: ")


def test_compare_may_name_the_file_that_json_replaces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = record_small(tmp_path / "s.mcap")
    lines = tmp_path / "s.jsonl"
    lines.write_text("".join(to_json_line(e) + "\n" for e in events[:-1]), encoding="utf-8")
    status = call("replay", tmp_path / "s.mcap", "--json", lines, "--compare", lines)
    assert status == 1
    out = capsys.readouterr().out
    assert f"event {len(events) - 1}: None is now 'session.closed'" in out
    assert "different" in out
