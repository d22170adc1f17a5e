import json
from pathlib import Path
from typing import Any

import pytest

from tacit.pipeline.cli import app
from tacit.pipeline.commands import bench as command
from tacit.pipeline.config import Settings

MACHINE = {"cores": 2, "processor": "x86_64", "python": "3.11.7", "date": "2026-01-01"}
FIGURES = {"times_real_time": 8.25, "start_s": 3.0, "read_s": 1.0}
SESSION = {
    "minutes": 60.0,
    "bytes_per_hour": 150_000_000,
    "recording_memory_growth_bytes": 1_000_000,
    "replay_memory_growth_bytes": 2_000_000,
    "replay_times_real_time": 120.4,
    "replay_times_processor_time": 121.0,
}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    calls: list[tuple[str, float]] = []

    def replay(media: Path, settings: Settings, repeats: int) -> dict[str, Any]:
        results = {"processes": FIGURES, "inline": FIGURES}
        found = {"media": media.name, "repeats": repeats, "results": results, "machine": MACHINE}
        return {"bench": "replay", **found}

    def session(media: Path, settings: Settings, minutes: float) -> dict[str, Any]:
        calls.append((media.name, minutes))
        return SESSION

    monkeypatch.setattr(command, "bench_replay", replay)
    monkeypatch.setattr(command, "bench_recording", session)
    return calls


def test_it_measures_an_hour_of_the_sample_unless_told_otherwise(
    asked: list[tuple[str, float]],
) -> None:
    app(["bench", "replay"], standalone_mode=False)
    app(["bench", "replay", "talk.mp4", "--minutes", "2"], standalone_mode=False)
    app(["bench", "replay", "--minutes", "0"], standalone_mode=False)
    assert asked == [("sample.mp4", 60.0), ("talk.mp4", 2.0)]


def test_it_prints_a_table_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    app(["bench", "replay"], standalone_mode=False)
    table = capsys.readouterr().out
    assert "| replay from features | 120x real time |" in table
    assert "| replay from media, worker processes | 8.2x real time |" in table
    app(["bench", "replay", "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["session"] == SESSION


def test_without_a_session_there_are_no_figures_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    app(["bench", "replay", "--minutes", "0"], standalone_mode=False)
    assert "session file" not in capsys.readouterr().out
