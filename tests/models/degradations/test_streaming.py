from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.models import degradations
from tacit.models.degradations import LowPassFilter, RoomFilter
from tacit.models.degradations.sound import Float32

RATE_HZ = 16_000
SOUND = degradations.white_noise(0, 8000, seed=2)


def run(made: LowPassFilter | RoomFilter, edges: list[int]) -> Float32:
    state, parts = made.initial_state(), []
    for a, b in pairwise([0, *sorted(edges), SOUND.size]):
        part, state = made.step(SOUND[a:b], state)
        assert part.shape == (b - a,)
        parts.append(part)
    return np.concatenate(parts)


@settings(max_examples=20, deadline=None)
@given(edges=st.lists(st.integers(1, 7999), max_size=5, unique=True))
def test_chunks_do_not_matter(edges: list[int]) -> None:
    low = LowPassFilter(3400.0, RATE_HZ)
    np.testing.assert_array_equal(run(low, edges), degradations.low_pass(SOUND, 3400.0, RATE_HZ))
    room = RoomFilter(0.3, RATE_HZ, seed=5)
    np.testing.assert_allclose(run(room, edges), run(room, []), atol=1e-5)


def test_a_room_is_the_same_as_on_the_whole_but_for_its_level() -> None:
    streamed = run(RoomFilter(0.2, RATE_HZ, seed=5), [800, 1600])
    whole = degradations.reverberate(SOUND, 0.2, RATE_HZ, np.random.default_rng(5))
    gain = degradations.rms(streamed) / degradations.rms(whole)
    np.testing.assert_allclose(streamed, gain * whole, atol=1e-4)
    assert gain == pytest.approx(1.0, abs=0.1)
