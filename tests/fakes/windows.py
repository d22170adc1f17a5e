"""Windowers, feature frames and checks for the tests of windows."""

from collections.abc import Iterable, Sequence

import numpy as np

from tacit.models.features import FeatureFrame, FeatureWindow, Modality, TokenGrid
from tacit.pipeline.window import ClosedWindow, WindowConfig, Windower

MS = 1_000_000
GRID = TokenGrid()
DIMS: dict[Modality, int] = {"audio": 2, "face": 3, "text": 4}


def frame(modality: Modality, t_ms: int, span_ms: int = 40, value: float = 1.0) -> FeatureFrame:
    values = np.full(DIMS[modality], value, dtype=np.float32)
    return FeatureFrame(modality, "p1", t_ms * MS, span_ms * MS, values)


def stream(
    modality: Modality, start_ms: int, end_ms: int, step_ms: int = 100
) -> list[FeatureFrame]:
    return [frame(modality, t, step_ms, value=t / 1000) for t in range(start_ms, end_ms, step_ms)]


def windower(config: WindowConfig | None = None) -> Windower:
    return Windower("p1", config or WindowConfig(), DIMS)


def feed(into: Windower, frames: Iterable[FeatureFrame]) -> list[str]:
    return [into.add(each) for each in frames]


def advance(into: Windower, t_ms: int, *modalities: Modality) -> None:
    for modality in modalities or ("audio", "face"):
        into.advance(modality, t_ms * MS)


def ends_ms(windows: Sequence[ClosedWindow]) -> list[int]:
    return [closed.window.t1_ns // MS for closed in windows]


def revisions(windows: Sequence[ClosedWindow]) -> list[tuple[int, int]]:
    return [(closed.index, closed.revision) for closed in windows]


def assert_same(one: FeatureWindow, two: FeatureWindow) -> None:
    assert (one.t0_ns, one.t1_ns, one.coverage) == (two.t0_ns, two.t1_ns, two.coverage)
    for modality in DIMS:
        np.testing.assert_array_equal(one.mask[modality], two.mask[modality])
        np.testing.assert_array_equal(one.values[modality], two.values[modality])


def assert_balanced(of: Windower) -> None:
    for counts in of.statistics().values():
        assert counts.offered == counts.used + sum(counts.dropped.values()) + counts.pending
