"""A stream of findings at a steady rate, played to a real health monitor in event time."""

from tacit.pipeline.health import Health, HealthMonitor
from tacit.pipeline.quality import Quality, QualityFlag
from tacit.stream.packet import Modality

S = 1_000_000_000
MS = 1_000_000
GOOD = Quality()
DARK = Quality(frozenset({QualityFlag.DARK}))
NO_FACE = Quality(frozenset({QualityFlag.NO_FACE}))
BLACK = Quality(frozenset({QualityFlag.BLACK}))
CLIPPED = Quality(frozenset({QualityFlag.CLIPPED}))
QUIET = Quality(frozenset({QualityFlag.QUIET}))

Row = tuple[str, str | None, float, float]


def frozen(since_ns: int) -> Quality:
    return Quality(frozenset({QualityFlag.FROZEN}), {"frozen_ms": 500.0}, since_ns)


def silent(since_ns: int) -> Quality:
    return Quality(frozenset({QualityFlag.SILENT}), {}, since_ns)


class Play:
    """Feeds one stream at a steady rate and ticks every 50 ms of event time, as the hub does."""

    def __init__(self, modality: Modality = "face", interval_ns: int = S // 30) -> None:
        self.monitor = HealthMonitor("p1", [modality])
        self.modality = modality
        self.interval_ns = interval_ns
        self.now_ns = 0
        self.changes: list[Health] = []
        self._next_tick_ns = 0

    def tick_to(self, now_ns: int) -> None:
        while self._next_tick_ns <= now_ns:
            self.changes += self.monitor.tick(self._next_tick_ns)
            self._next_tick_ns += 50 * MS

    def send(self, quality: Quality, to_s: float) -> "Play":
        end_ns = round(to_s * S)
        while self.now_ns < end_ns:
            self.tick_to(self.now_ns)
            self.changes += self.monitor.observe(
                self.modality, self.now_ns, self.interval_ns, quality
            )
            self.now_ns += self.interval_ns
        return self

    def freeze(self, to_s: float) -> "Play":
        """The same picture for a while; the checker is certain only after half a second."""
        since_ns = self.now_ns
        self.send(GOOD, (since_ns + 500 * MS) / S - 1e-6)
        return self.send(frozen(since_ns), to_s)

    def pause(self, to_s: float) -> "Play":
        self.now_ns = max(self.now_ns, round(to_s * S))
        self.tick_to(self.now_ns)
        return self

    @property
    def rows(self) -> list[Row]:
        return [(c.state.value, c.reason, c.t_ns / S, c.since_ns / S) for c in self.changes]

    @property
    def states(self) -> list[tuple[str, str | None]]:
        return [(c.state.value, c.reason) for c in self.changes]
