from prometheus_client.parser import text_string_to_metric_families

from tacit.pipeline.telemetry import Telemetry
from tests.fakes.live import VirtualLive


def figures(telemetry: Telemetry) -> dict[tuple[str, ...], float]:
    found = {}
    for family in text_string_to_metric_families(telemetry.text().decode()):
        for sample in family.samples:
            found[(sample.name, *sorted(sample.labels.values()))] = sample.value
    return found


def test_events_are_counted_and_latencies_fill_histograms() -> None:
    live = VirtualLive()
    live.open("s1")
    live.run(3)
    telemetry = Telemetry(lambda: {"sessions": 1.0})
    for event in live.heard.by_session["s1"]:
        telemetry.note(event)
    found = figures(telemetry)
    results = len(live.heard.of("s1", "measurement.result"))
    assert found["tacit_events_total", "measurement.result"] == results == 5
    assert found["tacit_events_total", "session.ready"] == 1
    assert found["tacit_sensor_changes_total", "face", "ok"] == 1
    assert found["tacit_result_sources_total", "face", "measured"] == results
    assert found["tacit_result_latency_seconds_count", "capture_to_result"] == results
    assert found["tacit_result_latency_seconds_bucket", "0.1", "capture_to_result"] == 0
    assert found["tacit_result_latency_seconds_bucket", "0.2", "capture_to_result"] == results
    assert found["tacit_sessions",] == 1


def test_figures_hold_nothing_of_people() -> None:
    live = VirtualLive()
    live.open("s1")
    live.run(1)
    telemetry = Telemetry(dict)
    for event in live.heard.by_session["s1"]:
        telemetry.note(event)
    telemetry.refused("token_needed")
    text = telemetry.text().decode()
    assert 'tacit_refused_requests_total{code="token_needed"} 1.0' in text
    for private in ("s1", "p1", "happiness"):
        assert private not in text


def test_two_servers_in_one_process_count_apart() -> None:
    one, other = Telemetry(lambda: {"sessions": 1.0}), Telemetry(lambda: {"sessions": 2.0})
    one.refused("too_large")
    assert figures(one)["tacit_sessions",] == 1
    assert ("tacit_refused_requests_total", "too_large") not in figures(other)
