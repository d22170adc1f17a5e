import json
from pathlib import Path
from typing import Any

import pytest

from tacit.pipeline.cli import app
from tacit.pipeline.commands import bench as command
from tacit.pipeline.config import Settings

REPORT: dict[str, Any] = {
    "session_s": 3600.0,
    "media": "talk.mp4",
    "results": {
        "bytes_per_hour": 150_000_000,
        "recording_memory_growth_bytes": 1_000_000,
        "replay_memory_growth_bytes": 2_000_000,
        "replay_times_real_time": 120.4,
        "replay_times_processor_time": 121.0,
    },
    "machine": {"cores": 2, "processor": "x86_64", "python": "3.11.7", "date": "2026-01-01"},
}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    calls: list[tuple[str, float]] = []

    def bench(media: Path, settings: Settings, minutes: float) -> dict[str, Any]:
        calls.append((media.name, minutes))
        return REPORT

    monkeypatch.setattr(command, "bench_recording", bench)
    return calls


def test_it_measures_an_hour_of_the_sample_unless_told_otherwise(
    asked: list[tuple[str, float]],
) -> None:
    app(["bench", "recording"], standalone_mode=False)
    app(["bench", "recording", "talk.mp4", "--minutes", "2"], standalone_mode=False)
    assert asked == [("sample.mp4", 60.0), ("talk.mp4", 2.0)]


def test_it_prints_a_table_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    app(["bench", "recording"], standalone_mode=False)
    assert "| replay from features | 120x real time |" in capsys.readouterr().out
    app(["bench", "recording", "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == REPORT
