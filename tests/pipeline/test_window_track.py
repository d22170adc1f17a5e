import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.models.features import FeatureFrame, pool_frames
from tacit.pipeline.window_track import Held, Stretch, Track, bin_range
from tests.fakes.windows import GRID, MS

pytestmark = pytest.mark.unit

BIN_MS = GRID.bin_ns // MS


@given(
    t_ns=st.integers(-4 * 10**9, 8 * 10**9),
    span_ns=st.integers(0, 5 * 10**9),
    end=st.integers(1, 30),
)
def test_bins_are_those_of_pooling(t_ns: int, span_ns: int, end: int) -> None:
    one = FeatureFrame("audio", "p1", t_ns, span_ns, np.ones(2, dtype=np.float32))
    _, mask = pool_frames([one], end * GRID.bin_ns, 2, GRID)
    low, high = bin_range(t_ns, span_ns, GRID.bin_ns)
    assert mask.tolist() == [low <= end - GRID.bins + k <= high for k in range(GRID.bins)]


def piece(t_ms: int, span_ms: int, value: float) -> FeatureFrame:
    values = np.array([value, -value / 3], dtype=np.float32)
    return FeatureFrame("audio", "p1", t_ms * MS, span_ms * MS, values)


STEPS = st.one_of(
    st.tuples(
        st.just("hold"), st.integers(-500, 6000), st.integers(0, 900), st.floats(-9, 9, width=32)
    ),
    st.tuples(st.just("mask"), st.integers(0, 6000), st.integers(1, 400), st.just(0.0)),
    st.tuples(st.just("forget"), st.integers(0, 3), st.just(0), st.just(0.0)),
    st.tuples(st.just("pool"), st.integers(1, 24), st.just(0), st.just(0.0)),
)


@given(steps=st.lists(STEPS, max_size=60))
def test_bins_are_what_pooling_all_frames_gives_to_the_bit(
    steps: list[tuple[str, int, int, float]],
) -> None:
    track = Track(2)
    kept: dict[tuple[int, int], FeatureFrame] = {}
    oldest = 0
    for kind, a, b, value in [*steps, ("pool", 24, 0, 0.0)]:
        if kind == "hold":
            frame = piece(a, b, value)
            if track.hold(Held(frame, GRID.bin_ns)) is None:
                kept[(frame.t_ns, frame.duration_ns)] = frame
        elif kind == "mask":
            stretch = Stretch(a * MS, (a + b) * MS)
            track.mask(stretch)
            kept = {key: f for key, f in kept.items() if not stretch.hits(f)}
        elif kind == "forget":
            oldest = max(oldest, a)
            track.forget(oldest, 0)
            kept = {
                key: f
                for key, f in kept.items()
                if bin_range(f.t_ns, f.duration_ns, GRID.bin_ns)[1] >= oldest
            }
        else:
            end = max(a, oldest + GRID.bins)
            tokens, mask = track.pool(end - GRID.bins, end)
            frames = [kept[key] for key in sorted(kept)]
            wanted, measured = pool_frames(frames, end * GRID.bin_ns, 2, GRID)
            before = max(0, GRID.bins - end)
            wanted[:before], measured[:before] = 0.0, False
            np.testing.assert_array_equal(mask, measured)
            assert tokens.tobytes() == wanted.tobytes()


def test_a_frame_of_absurd_length_costs_no_time() -> None:
    track = Track(2)
    track.pool(0, 12)
    assert track.hold(Held(piece(0, 10**12, 1.0), GRID.bin_ns)) is None
    tokens, mask = track.pool(0, 12)
    assert mask.all()
    assert tokens[:, 0].tolist() == [1.0] * 12


def test_counts_add_up_whatever_becomes_of_the_frames() -> None:
    track = Track(2)
    for t_ms in range(0, 2000, 100):
        frame = piece(t_ms, 100, 1.0)
        track.offer(frame)
        assert track.hold(Held(frame, GRID.bin_ns)) is None
    track.use(0, 4)
    track.mask(Stretch(1500 * MS, 1600 * MS))
    track.forget(2, 0)
    counts = track.statistics()
    assert (counts.offered, counts.used, counts.dropped) == (20, 10, {"masked": 1})
    assert counts.pending == 9
    track.end()
    assert track.statistics().pending == 0
