import importlib.util
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tacit.pipeline.benchmark.errors import BenchmarkError
from tacit.pipeline.cli import app
from tacit.pipeline.commands import benchmark
from tests.models.datasets.test_mmsa import content, written

RUN = CliRunner()


def test_help_teaches() -> None:
    text = " ".join(RUN.invoke(app, ["benchmark", "--help"]).output.split())
    assert "tacit benchmark --data mosi --root" in text
    assert "latency" in text


def test_everything_known_is_listed() -> None:
    text = RUN.invoke(app, ["benchmark", "list"]).output
    for word in ("rohydr.dit", "mosi_given", "imbalanced"):
        assert word in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["benchmark"], "which data"),
        (["benchmark", "--data", "mosi"], "where are the data"),
        (["benchmark", "--data", "mosy", "--root", "."], "no data set 'mosy'; known: mosi"),
        (["benchmark", "--data", "mosi", "--root", "nowhere"], "nowhere: not there"),
    ],
)
def test_mistakes_are_one_clear_error(
    words: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TACIT_DATA", raising=False)
    found = RUN.invoke(app, words).exception
    assert message in str(found)


def test_a_missing_extra_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BenchmarkError, match=r"sklearn is missing: pip install"):
        benchmark.needed()


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.timeout(400)
def test_one_command_prints_and_writes_the_table(tmp_path: Path) -> None:
    found = RUN.invoke(
        app,
        [
            "benchmark", "--data", "mmsa", "--root", str(written(tmp_path, content())),
            "--models", "whole,drop", "--protocol", "random", "--seeds", "1", "--jobs", "1",
            "--out", str(tmp_path / "out"),
        ],
    )  # fmt: skip
    assert found.exception is None, found.output
    assert "accuracy (%) by missing rate" in found.output
    assert (tmp_path / "out" / "table.md").is_file()
