import json
from pathlib import Path

from typer.testing import CliRunner

from tools.study_baseline import ALL, app


def test_without_all_splits_there_are_no_figures(tmp_path: Path) -> None:
    runs, out = tmp_path / "runs.jsonl", tmp_path / "out.json"
    line = {"split": ALL, "fold": 0, "set": "audio", "variants": {}}
    runs.write_text(json.dumps(line) + "\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["summary", "--runs", str(runs), "--out", str(out)])
    assert result.exit_code == 2
    assert not out.exists()
