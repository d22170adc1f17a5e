from pathlib import Path

from tacit.pipeline.benchmark.report import heading, page, write
from tacit.pipeline.benchmark.tables import tables_of
from tests.pipeline.benchmark.test_tables import summary


def test_a_page_escapes_what_it_shows_and_needs_no_network() -> None:
    text = page(summary(), tables_of(summary()), [Path("x-missing.svg")])
    assert "<title>Made &lt;up&gt;</title>" in text
    assert 'src="plots/x-missing.svg"' in text
    assert "http" not in text


def test_the_heading_says_what_must_be_known() -> None:
    text = heading(summary())
    assert "90 test samples of 7 videos" in text
    assert "A note." in text
    assert "Profile: quick" in text


def test_files_are_whole_or_not_there(tmp_path: Path) -> None:
    write(tmp_path / "x.md", "one")
    write(tmp_path / "x.md", "two")
    assert (tmp_path / "x.md").read_text() == "two"
    assert [p.name for p in tmp_path.iterdir()] == ["x.md"]
