import pytest

from tools.fault_rows.quick import quick_graph

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_the_quick_graph_checks_as_the_real_one_and_reads_nothing() -> None:
    graph = quick_graph().run(3.0)
    begin_ms = graph.now_ms
    graph.picture = lambda _t, _p: None
    graph.run(2.0).close()
    assert graph.detected_ms("face", begin_ms, "no_data") is not None
    results = graph.results(0, graph.now_ms)
    assert len(results) >= 9
    assert all(result.fused.abstained for result in results)
    assert results[3].modalities["face"].source == "measured"
