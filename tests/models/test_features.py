import numpy as np
import pytest

from tacit.models.features import FeatureFrame, TokenGrid, pool_frames

GRID = TokenGrid(bins=4, bin_ns=100)


def frame(t_ns: int, duration_ns: int, value: float, quality: float = 1.0) -> FeatureFrame:
    return FeatureFrame(
        "audio", "p1", t_ns, duration_ns, np.array([value], dtype=np.float32), quality
    )


@pytest.mark.parametrize(
    ("t_ns", "duration_ns", "expected"),
    [
        (0, 40, [True, False, False, False]),
        (90, 40, [False, True, False, False]),  # midpoint at 110
        (350, 50, [False, False, False, True]),
        (0, 400, [True, True, True, True]),
        (60, 200, [False, True, True, False]),  # covers the centres 150 and 250
        (-500, 100, [False, False, False, False]),
        (400, 40, [False, False, False, False]),
        (-100, 200, [True, False, False, False]),
        (120, 0, [False, True, False, False]),
    ],
)
def test_a_frame_fills_the_bins_it_covers(
    t_ns: int, duration_ns: int, expected: list[bool]
) -> None:
    _, mask = pool_frames([frame(t_ns, duration_ns, 1.0)], 400, 1, GRID)
    assert mask.tolist() == expected


def test_bins_hold_the_mean_of_their_frames() -> None:
    tokens, mask = pool_frames([frame(0, 40, 1.0), frame(40, 40, 3.0)], 400, 1, GRID)
    assert tokens[:, 0].tolist() == [2.0, 0.0, 0.0, 0.0]
    assert mask.tolist() == [True, False, False, False]


def test_masked_frames_are_left_out() -> None:
    tokens, mask = pool_frames([frame(0, 40, 7.0, quality=0.0)], 400, 1, GRID)
    assert not mask.any()
    assert not tokens.any()
