import json
from itertools import count
from pathlib import Path

import pytest

from tacit.models.benchmark.cell import run_cells
from tacit.models.benchmark.sets import PROFILES, Loader, Source
from tacit.models.study.cells import CellStore, Job
from tacit.models.study.workbench import Build
from tests.models.datasets.test_mmsa import content, written
from tools import benchmark_docs

BUILDS: dict[str, Build] = {"zero": lambda w: w.drop, "mmin": lambda w: w.whole}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one finished seed of two models."""
    loader = Loader("mmsa", Source(written(tmp_path, content()), tmp_path), PROFILES["quick"])
    out, job, ticks = tmp_path / "out", Job("mmsa", 1.0, 0, 0), count()
    store = CellStore(out / "cells.jsonl", out / "arrays")
    report = (lambda: float(next(ticks)), lambda line: None)
    run_cells(job, lambda: loader.task(job), BUILDS, store, report)
    settings = {"data": "mmsa", "profile": "quick", "training": "one"}
    (out / "settings.json").write_text(json.dumps(settings))
    return out


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_the_page_is_made_of_what_was_measured(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark_docs, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    benchmark_docs.main([folder], None)
    text = (tmp_path / "docs" / "benchmark.md").read_text()
    assert "## MMSA aligned_50" in text
    assert "Not measured yet: `results/benchmark/mosi.json` is not there." in text
    assert "Not measured yet: `results/benchmark/latency.json`" in text
    assert "Not run on these data: mean fill" in text
    assert (tmp_path / "docs" / "figures" / "benchmark-mmsa-missing.svg").is_file()
    summary = json.loads((tmp_path / "results" / "benchmark" / "mmsa.json").read_text())
    shown = 100.0 * summary["rows"]["zero"]["figures"]["random 0.5"]["accuracy"][0]
    assert f"missing rate .5 (accuracy {shown:.1f} %)" in text
    assert "add_a_model.py" in text


def test_methods_below_zero_fill_are_named_with_a_reason() -> None:
    def row(value: float) -> dict[str, object]:
        return {"figures": {"random 0.5": {"uar": [value, value, value]}}}

    rows = {"zero": row(0.6), "mmin": row(0.5), "nmer": row(0.7)}
    text = benchmark_docs.below_zero({"rows": rows, "metric": "uar"})
    assert "- MMIN: 50.0 %." in text
    assert "NMER" not in text
    rows["mmin"] = row(0.6)
    assert "None of the parent methods" in benchmark_docs.below_zero(
        {"rows": rows, "metric": "uar"}
    )
    assert benchmark_docs.below_zero({"rows": {}, "metric": "uar"}) == ""


def test_the_page_in_the_repository_is_up_to_date(tmp_path: Path) -> None:
    root = benchmark_docs.ROOT
    made = benchmark_docs.page(root / "results" / "benchmark", tmp_path)
    assert made == (root / "docs" / "benchmark.md").read_text()
