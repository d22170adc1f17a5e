import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tacit.models.study import streams
from tools import study_streams
from tools.study_streams import app


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []

    def run(_takes: Any, fold: int, seed: int, *_more: Any) -> dict[str, Any]:
        found.append((seed, fold))
        return {"seed": seed, "fold": fold}

    monkeypatch.setattr(study_streams, "load_takes", lambda _root, _cache: [])
    monkeypatch.setattr(streams, "run", run)
    return found


def test_a_split_that_is_there_is_not_run_again(tmp_path: Path, ran: list[tuple[int, int]]) -> None:
    out = tmp_path / "runs.jsonl"
    out.write_text(json.dumps({"seed": 0, "fold": 1}) + "\n", encoding="utf-8")
    arguments = ["run", "--root", str(tmp_path), "--out", str(out), "--seeds", "1"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert (0, 1) not in ran
    assert len(ran) == streams.FOLDS - 1
    assert len(out.read_text(encoding="utf-8").splitlines()) == streams.FOLDS


def test_a_seed_that_is_not_whole_gives_no_figures(tmp_path: Path) -> None:
    out = tmp_path / "runs.jsonl"
    out.write_text(json.dumps({"seed": 0, "fold": 1}) + "\n", encoding="utf-8")
    wanted = tmp_path / "summary.json"
    result = CliRunner().invoke(app, ["summary", "--runs", str(out), "--out", str(wanted)])
    assert result.exit_code == 2
    assert not wanted.exists()
