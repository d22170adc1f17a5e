import pytest

from tools.fault_rows.virtual import HOP_MS, VirtualGraph, spoil

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_same_run_gives_the_same_events_at_the_same_times() -> None:
    def run() -> list[tuple[float, str, object]]:
        graph = VirtualGraph().run(3.0).close()
        return [
            (t.at_ms, t.event.type, t.event.model_dump(exclude={"session_id", "latency_ms"}))
            for t in graph.told
        ]

    first = run()
    assert first == run()
    assert sum(kind == "measurement.result" for _, kind, _ in first) >= 5


def test_a_run_without_a_fault_shows_none() -> None:
    run = spoil(for_s=1.0, after_s=1.0)
    outcome = run.outcome("face")
    assert outcome.detected_ms is None
    assert outcome.recovered_ms is not None
    assert outcome.gap_hops is not None
    assert outcome.gap_hops < 1.2
    assert outcome.drops == {}
    results = run.graph.results(0, run.graph.now_ms)
    ends = [result.window.end_ms for result in results]
    assert ends == list(range(HOP_MS, HOP_MS * len(ends) + 1, HOP_MS))
