import numpy as np
import pytest

from tacit.models.audio_blocks import (
    BLOCK,
    MAX_AMPLITUDE,
    check_samples,
    cut_blocks,
    hop_windows,
    initial_block_state,
    whole_hops,
)
from tacit.models.features import Float32


def noise(length: int, seed: int = 0) -> Float32:
    return np.asarray(0.1 * np.random.default_rng(seed).standard_normal(length), np.float32)


def test_state_does_not_grow() -> None:
    state = initial_block_state(240)
    for _ in range(50):
        _, state = cut_blocks(noise(333), state)
        assert len(state.past) == 240
        assert len(state.pending) < BLOCK


def test_blocks_carry_their_past() -> None:
    samples = noise(3 * BLOCK + 5)
    blocks, state = cut_blocks(samples, initial_block_state(100))
    assert len(blocks) == 3
    assert not blocks[0][:100].any()
    assert np.array_equal(blocks[0][100:], samples[:BLOCK])
    assert np.array_equal(blocks[2], samples[2 * BLOCK - 100 : 3 * BLOCK])
    assert np.array_equal(state.pending, samples[-5:])


def test_windows_end_with_their_hop() -> None:
    samples = np.arange(400 + 3 * 160 - 160, dtype=np.float32)
    windows = hop_windows(samples, 400)
    assert windows.shape == (3, 400)
    assert windows[:, -1].tolist() == [399.0, 559.0, 719.0]


def test_whole_hops_are_the_windows_of_the_recording() -> None:
    samples = noise(160 * 700 + 3)
    pieces = list(whole_hops(samples, 400))
    assert sum(len(p) for p in pieces) == 700
    assert np.array_equal(pieces[-1][-1], samples[700 * 160 - 400 : 700 * 160])


def test_samples_are_limited_and_otherwise_kept() -> None:
    given = np.array([-1e30, -0.5, 0.0, 20.0], np.float32)
    assert check_samples(given).tolist() == [-MAX_AMPLITUDE, -0.5, 0.0, MAX_AMPLITUDE]


@pytest.mark.parametrize("bad", [np.zeros((1, 4), np.float32), np.zeros(4), np.full(4, np.inf)])
def test_other_arrays_are_refused(bad: Float32) -> None:
    with pytest.raises(ValueError, match="samples"):
        check_samples(bad)
