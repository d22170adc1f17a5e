import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tacit.pipeline.benchmark.plots import chosen, plots
from tests.pipeline.benchmark.test_tables import summary


def test_both_plots_are_small_and_always_the_same(tmp_path: Path) -> None:
    first = plots(summary(), tmp_path / "a", "x")
    second = plots(summary(), tmp_path / "b", "x")
    assert [p.name for p in first] == ["x-missing.svg", "x-latency.svg"]
    for one, two in zip(first, second, strict=True):
        text = one.read_text()
        assert text == two.read_text()
        assert len(text) < 40_000
        ElementTree.fromstring(text)
        assert "mine.Mine" in text
    assert "missing rate" in first[0].read_text()


def test_ones_own_models_are_drawn() -> None:
    assert chosen(summary()) == ["mmin", "mine.Mine"]
