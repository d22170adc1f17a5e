"""Figures of a running server, for Prometheus: counts, states and latencies, nothing of people."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from .events import ErrorEvent, Event, MeasurementResult, SensorHealth
from .handover import Handover

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5)


class _Gauges:
    """Reads what is true now when somebody asks."""

    def __init__(self, read: Callable[[], Mapping[str, float]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        for name, value in self._read().items():
            yield GaugeMetricFamily(f"tacit_{name}", name.replace("_", " "), value=value)


class _Handovers:
    """Where everything went, as the books say when somebody asks."""

    def __init__(self, read: Callable[[], Iterable[Handover]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        items = CounterMetricFamily(
            "tacit_handover_items",
            "Items at each hand-over: offered = used + all dropped + in flight",
            labels=["place", "stream", "outcome", "reason"],
        )
        waiting = GaugeMetricFamily(
            "tacit_handover_in_flight", "Items that are under way", labels=["place", "stream"]
        )
        for row in self._read():
            place = [row.place, row.stream]
            items.add_metric([*place, "offered", ""], row.offered)
            items.add_metric([*place, "used", ""], row.used)
            for reason, count in row.dropped.items():
                items.add_metric([*place, "dropped", reason], count)
            waiting.add_metric(place, row.in_flight)
        yield from (items, waiting)


class Telemetry:
    """All figures of one server; a registry of its own, so that several can be in one process.

    Args:
        gauges: gives what is true now, by name.
        handovers: says where everything went.
    """

    def __init__(
        self,
        gauges: Callable[[], Mapping[str, float]],
        handovers: Callable[[], Iterable[Handover]] = tuple,
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Gauges(gauges))
        self._registry.register(_Handovers(handovers))
        self._events = Counter("tacit_events", "Events by type", ["type"], registry=self._registry)
        self._changes = Counter(
            "tacit_sensor_changes",
            "Changes of sensor health",
            ["modality", "state"],
            registry=self._registry,
        )
        self._errors = Counter("tacit_errors", "Errors by code", ["code"], registry=self._registry)
        self._refused = Counter(
            "tacit_refused_requests", "Refused requests by code", ["code"], registry=self._registry
        )
        self._latency = Histogram(
            "tacit_result_latency_seconds",
            "Latency of results by step; capture_to_result is the whole",
            ["step"],
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._sources = Counter(
            "tacit_result_sources",
            "Results by what each modality gave",
            ["modality", "source"],
            registry=self._registry,
        )

    def note(self, event: Event) -> None:
        """Count an event."""
        self._events.labels(event.type).inc()
        match event:
            case SensorHealth():
                self._changes.labels(event.modality, event.state).inc()
            case ErrorEvent():
                self._errors.labels(event.code).inc()
            case MeasurementResult():
                for step, took_ms in event.latency_ms.items():
                    self._latency.labels(step).observe(max(took_ms, 0.0) / 1000)
                for modality, reading in event.modalities.items():
                    self._sources.labels(modality, reading.source).inc()

    def refused(self, code: str) -> None:
        """Count a request that was refused."""
        self._refused.labels(code).inc()

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)
