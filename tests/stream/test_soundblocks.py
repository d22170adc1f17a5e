import itertools

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.stream.packet import NS_PER_MS, NS_PER_S
from tacit.stream.soundblocks import Block, BlockCutter, SoundPlacer, to_mono

Runs = list[tuple[int, list[int]]]


def cut(runs: Runs) -> list[Block]:
    cutter = BlockCutter(1000, 20 * NS_PER_MS)
    blocks: list[Block] = []
    for index, sizes in runs:
        blocks += cutter.start_run(index)
        first = index
        for size in sizes:
            blocks += cutter.push(np.arange(first, first + size, dtype=np.float32))
            first += size
    return [*blocks, *cutter.flush()]


@given(
    st.lists(st.tuples(st.integers(-50, 400), st.lists(st.integers(0, 70), max_size=5)), max_size=6)
)
@settings(deadline=None)
def test_blocks_stay_on_the_grid_in_order_and_in_place(runs: Runs) -> None:
    blocks = cut(runs)
    for block in blocks:
        start = block.t_ns // NS_PER_MS
        assert start >= 0
        assert 0 < block.samples.size == block.duration_ns // NS_PER_MS
        assert start // 20 == (start + block.samples.size - 1) // 20
    for early, late in itertools.pairwise(blocks):
        assert late.t_ns >= early.t_ns + early.duration_ns


@given(st.integers(0, 100), st.lists(st.integers(0, 70), max_size=10))
def test_samples_lie_at_their_own_times_however_they_come(index: int, sizes: list[int]) -> None:
    blocks = cut([(index, sizes)])
    for block in blocks:
        assert block.samples[0] == block.t_ns // NS_PER_MS
        assert np.all(np.diff(block.samples) == 1)
    assert sum(block.samples.size for block in blocks) == sum(sizes)


def test_holes_stay_overlaps_are_trimmed_and_rounding_is_ignored() -> None:
    blocks = cut([(0, [30]), (33, [10]), (100, [10]), (90, [40])])
    spans = [(b.t_ns // NS_PER_MS, b.samples.size) for b in blocks]
    assert spans == [(0, 20), (20, 20), (100, 20), (120, 10)]
    assert blocks[2].samples.tolist() == list(range(100, 120))


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_any_start_gives_the_same_samples(rate_hz: int) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, rate_hz).astype(np.float32)

    def place(first: int) -> dict[int, bytes]:
        placer, blocks = SoundPlacer(16_000, 20 * NS_PER_MS), list[Block]()
        for at in range(first, rate_hz, 1024):
            frame = av.AudioFrame.from_ndarray(
                sound[np.newaxis, at : at + 1024], format="flt", layout="mono"
            )
            frame.sample_rate = rate_hz
            blocks += placer.push(frame, at * NS_PER_S // rate_hz)
        blocks += placer.flush()
        return {block.t_ns: block.samples.tobytes() for block in blocks}

    whole, part = place(0), place(3 * 1024)
    later = [t_ns for t_ns in part if t_ns > 500 * NS_PER_MS]
    assert len(later) == 24
    assert all(part[t_ns] == whole[t_ns] for t_ns in later)
    assert max(whole) == 980 * NS_PER_MS


def test_downmix_never_exceeds_full_scale() -> None:
    for layout, channels in (("stereo", 2), ("quad", 4), ("5.1", 6)):
        frame = av.AudioFrame.from_ndarray(
            np.ones((channels, 10), np.float32), format="fltp", layout=layout
        )
        assert np.allclose(to_mono(frame), 1.0)


@pytest.mark.parametrize(
    ("kind", "dtype", "low"),
    [("s16", np.int16, -32768), ("u8", np.uint8, 0), ("s32", np.int32, -(2**31))],
)
def test_full_scale_of_integers_is_one(kind: str, dtype: type, low: int) -> None:
    frame = av.AudioFrame.from_ndarray(np.full((1, 4), low, dtype), format=kind, layout="mono")
    assert np.array_equal(to_mono(frame), np.full(4, -1.0, np.float32))
