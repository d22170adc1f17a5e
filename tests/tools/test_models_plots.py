import json
from pathlib import Path

from tests.tools.test_models_page import GATE, row
from tools.models_plots import plots


def test_plots_of_every_study_are_files_that_say_nothing_of_the_day(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "study"
    folder.mkdir(parents=True)
    summary = {"shares": {"0.1": {"rows": {"ours": row()}, "gate": GATE}}}
    (folder / "ravdess.json").write_text(json.dumps(summary))
    written = plots(tmp_path / "results", tmp_path / "figures")
    assert [p.name for p in written] == ["ravdess-10-missing.svg", "ravdess-10-gate.svg"]
    before = written[0].read_bytes()
    plots(tmp_path / "results", tmp_path / "figures")
    assert written[0].read_bytes() == before
