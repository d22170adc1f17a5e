from pathlib import Path

import pytest
from typer.testing import CliRunner

from tacit.pipeline.cli import MISTAKES, app
from tacit.pipeline.report.errors import ReportError
from tests.fakes.finished import finished, ready, typical, write_events

pytest.importorskip("plotly", reason="needs the extra research")
pytest.importorskip("matplotlib", reason="needs the extra research")

RUNNER = CliRunner()


@pytest.fixture
def session(tmp_path: Path) -> Path:
    return write_events(typical(), tmp_path / "talk.jsonl")


def test_the_page_goes_beside_the_session_unless_told_otherwise(session: Path) -> None:
    done = RUNNER.invoke(app, ["report", str(session)], catch_exceptions=False)
    assert done.exit_code == 0
    page = session.with_suffix(".html")
    assert str(page) in done.stdout
    assert "Tacit report" in page.read_text()


def test_figures_alone_write_no_page(session: Path, tmp_path: Path) -> None:
    figure, plane = tmp_path / "t.svg", tmp_path / "va.svg"
    words = ["report", str(session), "--figure", str(figure), "--plane", str(plane)]
    assert RUNNER.invoke(app, words, catch_exceptions=False).exit_code == 0
    assert sorted(tmp_path.iterdir()) == sorted([session, figure, plane])


def test_an_unknown_participant_is_a_mistake_of_the_users(session: Path) -> None:
    words = ["report", str(session), "--figure", "t.svg", "--participant", "nobody"]
    with pytest.raises(ReportError, match="read was: p1"):
        RUNNER.invoke(app, words, catch_exceptions=False)
    assert issubclass(ReportError, MISTAKES)


def test_a_session_without_results_gives_no_page(tmp_path: Path) -> None:
    empty = write_events(finished([ready()]), tmp_path / "empty.jsonl")
    with pytest.raises(ReportError, match="nothing to report"):
        RUNNER.invoke(app, ["report", str(empty)], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == [empty]
