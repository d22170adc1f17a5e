from pathlib import Path

import pytest

from tacit.pipeline.bench_live import DELIVER, EDGES_MS, bench_live, budget, describe, summarize
from tacit.pipeline.config import Settings
from tacit.pipeline.live.trace import HOPS


def row(k: int, lost_ms: float = 0.0) -> dict[str, float]:
    steps = {hop: 10.0 + i for i, hop in enumerate(HOPS)} | {DELIVER: 1.0}
    return {
        **steps,
        "whole": sum(steps.values()) + lost_ms,
        "end_ms": 500.0 * k,
        "delivered_ms": 500.0 * k + 110,
        "audio": 1.0,
        "face": float(k % 2),
    }


def test_steps_that_add_up_are_said_to_and_others_are_not() -> None:
    good = summarize([row(k) for k in range(20)])
    assert good["sum_matches"]
    assert good["sum_of_steps_ms"] == pytest.approx(good["whole"]["mean_ms"])
    assert good["interval"]["mean_ms"] == 500
    assert not summarize([row(k, lost_ms=20.0) for k in range(20)])["sum_matches"]
    assert good["measured_share"] == {"audio": 1.0, "face": 0.5}
    assert summarize([])["results"] == 0


def test_the_budget_is_met_only_by_what_was_measured() -> None:
    report = summarize([row(k) for k in range(20)]) | {"first_result_ms": 700.0, "cores": 1.3}
    met = {line["what"]: line["met"] for line in budget(report)}
    assert not met.pop("processor cores")
    assert all(met.values())
    assert not any(line["met"] for line in budget(summarize([])))


def test_figures_of_a_step() -> None:
    found = describe([float(k) for k in range(100)])
    assert (found["mean_ms"], found["p50_ms"], found["p95_ms"], found["max_ms"]) == (
        49.5,
        50.0,
        95.0,
        99.0,
    )
    assert sum(found["histogram"]["count"]) == 100
    assert found["histogram"]["from_ms"] == list(EDGES_MS)
    assert found["histogram"]["count"][6] == 50


@pytest.mark.process
@pytest.mark.timeout(300)
def test_a_real_run_says_where_the_time_went(sample: Path) -> None:
    report = bench_live(sample, Settings(asr="off"), 6.0)
    assert report["results"] >= 3
    assert report["sum_matches"]
    assert set(report["steps"]) == {*HOPS, DELIVER}
    assert report["steps"]["predict"]["mean_ms"] > 0
    for step in report["steps"].values():
        assert sum(step["histogram"]["count"]) >= report["results"] - 1
    assert report["machine"]["cores"] >= 1
    assert set(report["cores_by_process"]) == {"session", "audio", "face", "recognizer"}
    assert report["measured_share"]["audio"] > 0
    assert 0 <= report["lost_share"]["face"] < 1
