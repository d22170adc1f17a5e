import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tacit.models.errors import ModelError
from tacit.pipeline.benchmark.errors import BenchmarkError
from tacit.pipeline.benchmark.report import summary_of, write_report
from tacit.pipeline.benchmark.run import run_benchmark
from tests.models.datasets.test_mmsa import content, written
from tests.pipeline.benchmark.test_plan import EXAMPLE, request

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[3]
MODELS = f"whole,mmin,{EXAMPLE}:NearestMean"
TIMES = ("fit_s", "latency_ms")


class Lines:
    def __init__(self) -> None:
        self.total, self.seen = 0, list[str]()

    def begin(self, done: int, total: int) -> None:
        self.total = total

    def line(self, text: str, done: int) -> None:
        self.seen.append(text)


def without_times(summary: dict[str, Any]) -> dict[str, Any]:
    for row in summary["rows"].values():
        for name in TIMES:
            del row[name]
    return summary


def test_a_killed_run_goes_on_to_the_same_table(tmp_path: Path) -> None:
    data = written(tmp_path, content())
    fields: dict[str, object] = {"root": str(data), "models": MODELS, "jobs": 2}
    whole = request(tmp_path / "whole", **fields)
    lines = Lines()
    run_benchmark(whole, lines)
    assert (lines.total, len(lines.seen)) == (6, 6)
    broken = request(tmp_path / "broken", **fields)
    program = (
        "import sys; from tacit.pipeline.benchmark.plan import Request\n"
        "from tacit.pipeline.benchmark.run import run_benchmark\n"
        "from tests.pipeline.benchmark.test_run import Lines\n"
        "if __name__ == '__main__':\n"
        "    run_benchmark(Request.from_json(sys.argv[1]), Lines())\n"
    )
    script = tmp_path / "killed.py"
    script.write_text(program)
    process = subprocess.Popen(
        [sys.executable, str(script), broken.to_json()],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    cells = tmp_path / "broken" / "cells.jsonl"
    until = time.monotonic() + 400
    while not cells.is_file() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    # Its workers end with it: the group has no member left.
    while time.monotonic() < until:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    else:
        pytest.fail("workers outlived the process that was killed")
    done = len(cells.read_text().splitlines())
    assert 0 < done < 6
    lines = Lines()
    run_benchmark(broken, lines)
    assert len(lines.seen) == 6 - done
    assert without_times(summary_of(broken)) == without_times(summary_of(whole))
    lines = Lines()
    run_benchmark(broken, lines)
    assert lines.seen == []
    page = write_report(whole)
    text = page.read_text()
    assert "add_a_model.NearestMean" in text
    assert "AUILC" in text
    assert json.loads((tmp_path / "whole" / "summary.json").read_text())["samples"] > 50
    assert "<table>" in (tmp_path / "whole" / "table.html").read_text()
    assert (tmp_path / "whole" / "plots" / "mmsa-missing.svg").is_file()


def test_wrong_data_are_one_error_and_leave_no_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ModelError, match=r"none\.pkl: not there; --root must be an aligned"):
        run_benchmark(request(out, root=str(tmp_path / "none.pkl")), Lines())
    assert not out.exists()


def test_an_error_in_a_process_reaches_the_user(tmp_path: Path) -> None:
    parts = content()
    del parts["valid"]
    asked = request(tmp_path / "out", root=str(written(tmp_path, parts)))
    with pytest.raises(BenchmarkError, match="no part 'valid'; it holds"):
        run_benchmark(asked, Lines())
