from pathlib import Path

import pytest

from tacit.pipeline.benchmark.plan import SETTINGS
from tacit.pipeline.benchmark.report import per_rate_table, summary_of, write_report
from tacit.pipeline.benchmark.worker import work
from tests.models.datasets.test_mmsa import content, written
from tests.pipeline.benchmark.test_plan import request

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_worker_computes_what_nobody_has(tmp_path: Path) -> None:
    asked = request(
        tmp_path / "out", root=str(written(tmp_path, content())), models="whole", seeds=2
    )
    lines: list[str] = []
    work(asked, offset=1, say=lines.append)
    assert [line.split(" ")[0] for line in lines] == [
        "mmsa-labels100-seed1-fold0", "mmsa-labels100-seed0-fold0",
    ]  # fmt: skip
    work(asked, offset=0, say=lines.append)
    assert len(lines) == 2
    assert not (tmp_path / "out" / SETTINGS).exists()


def test_one_model_per_rate_has_a_table_of_its_own(tmp_path: Path) -> None:
    asked = request(
        tmp_path / "out", root=str(written(tmp_path, content())), models="whole",
        seeds=1, training="per-rate",
    )  # fmt: skip
    work(asked, offset=0, say=lambda line: None)
    table = per_rate_table(summary_of(asked))
    assert table.head[1:] == tuple(f"0.{i}" for i in range(8))
    assert len(table.rows) == 1
    assert "a model of its own for each missing rate" in write_report(asked).read_text()
