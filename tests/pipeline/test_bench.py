from pathlib import Path

import pytest

from tacit.pipeline.bench import bench_replay, machine
from tacit.pipeline.config import Settings


def test_the_machine_is_named() -> None:
    told = machine(Settings(threads=3))
    assert told["threads_per_process"] == 3
    assert len(told["date"]) == len("2026-01-01")


@pytest.mark.process
@pytest.mark.timeout(240)
def test_both_ways_of_running_are_measured(sample: Path) -> None:
    report = bench_replay(sample, Settings(asr="off"), repeats=1)
    assert set(report["results"]) == {"processes", "inline"}
    for figures in report["results"].values():
        assert figures["start_s"] > 0
        assert figures["times_real_time"] == pytest.approx(
            report["media_s"] / figures["read_s"], rel=0.02
        )
