from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.models import degradations


def rng(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


@settings(max_examples=50, deadline=None)
@given(
    samples=st.integers(1, 400),
    modalities=st.integers(2, 4),
    share=st.floats(0.0, 1.0),
    seed=st.integers(0, 1000),
)
def test_random_missing_is_exact_and_leaves_one(
    samples: int, modalities: int, share: float, seed: int
) -> None:
    rate = share * (modalities - 1) / modalities
    present = degradations.random_missing(samples, modalities, rate, rng(seed))
    assert present.any(axis=1).all()
    assert abs(float((~present).mean()) - rate) <= 0.5 / (samples * modalities) + 1e-9


def test_random_missing_treats_the_modalities_alike() -> None:
    present = degradations.random_missing(6000, 3, 0.5, rng())
    np.testing.assert_allclose((~present).mean(axis=0), 0.5, atol=0.02)


@pytest.mark.parametrize("rate", [-0.1, 0.7])
def test_random_missing_refuses_what_cannot_be(rate: float) -> None:
    with pytest.raises(ValueError, match="each sample keeps one modality"):
        degradations.random_missing(100, 3, rate, rng())


def test_frame_drop_meets_its_rate_and_invents_nothing() -> None:
    mask = rng(1).random((400, 3, 12)) < 0.8
    left = degradations.frame_drop(mask, 0.4, rng())
    assert not (left & ~mask).any()
    assert float(left.sum() / mask.sum()) == pytest.approx(0.6, abs=0.02)
    assert not degradations.frame_drop(mask, 1.0, rng()).any()


@pytest.mark.parametrize(("share", "length"), [(0.0, 0), (0.25, 3), (0.5, 6), (1.0, 12)])
def test_block_drop_takes_one_block_of_its_length(share: float, length: int) -> None:
    left = degradations.block_drop(np.ones((200, 12), dtype=np.bool_), share, rng())
    lost = ~left
    assert set(lost.sum(axis=1)) == {length}
    edges = np.diff(lost.astype(np.int8), axis=1, prepend=0, append=0)
    assert int((edges == 1).sum(axis=1).max()) == (1 if length else 0)
    if 0 < length < 12:
        assert len(np.unique(lost.argmax(axis=1))) == 12 - length + 1


@pytest.mark.parametrize("rates", list(permutations((0.3, 0.5, 0.7))))
def test_imbalanced_rates_are_met_and_one_modality_is_left(
    rates: tuple[float, float, float],
) -> None:
    present = degradations.imbalanced_missing(1000, rates, rng())
    np.testing.assert_array_equal((~present).sum(axis=0), np.multiply(rates, 1000).round())
    assert present.any(axis=1).all()


@settings(max_examples=50, deadline=None)
@given(
    samples=st.integers(1, 60),
    raw=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=4),
    seed=st.integers(0, 1000),
)
def test_imbalanced_rates_are_exact_or_refused(samples: int, raw: list[float], seed: int) -> None:
    lost = [round(rate * samples) for rate in raw]
    if sum(lost) > samples * (len(raw) - 1):
        with pytest.raises(ValueError, match="keeps one modality"):
            degradations.imbalanced_missing(samples, raw, rng(seed))
        return
    present = degradations.imbalanced_missing(samples, raw, rng(seed))
    assert (~present).sum(axis=0).tolist() == lost
    assert present.any(axis=1).all()


def test_a_rate_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        degradations.imbalanced_missing(10, (1.2, 0.0, 0.0), rng())


@pytest.mark.parametrize("snr_db", [-5.0, 5.0, 20.0])
def test_token_noise_meets_its_ratio_where_measured_and_leaves_the_rest(snr_db: float) -> None:
    tokens = 3.0 * rng(1).standard_normal((4, 200, 64)).astype(np.float32)
    mask = rng(2).random((4, 200)) < 0.7
    for made in (
        degradations.token_noise(tokens, mask, snr_db, rng()),
        degradations.token_impulses(tokens, mask, snr_db, 0.1, rng()),
    ):
        change = made - tokens
        assert not change[~mask].any()
        realised = 20 * np.log10(degradations.rms(tokens[mask]) / degradations.rms(change[mask]))
        assert realised == pytest.approx(snr_db, abs=0.2)


def test_each_sample_has_noise_of_its_own_power() -> None:
    tokens = np.ones((2, 400, 16), dtype=np.float32)
    tokens[1] *= 100.0
    change = degradations.token_noise(tokens, np.ones((2, 400), np.bool_), 0.0, rng()) - tokens
    assert float(change[0].std()) == pytest.approx(1.0, rel=0.05)
    assert float(change[1].std()) == pytest.approx(100.0, rel=0.05)


def test_impulses_have_one_height_by_hand() -> None:
    tokens = np.full((1, 500, 10), 2.0, dtype=np.float32)
    mask = np.ones((1, 500), dtype=np.bool_)
    change = degradations.token_impulses(tokens, mask, 0.0, 0.25, rng()) - tokens
    # power 4 at 0 dB in a quarter of the values: height 2 / sqrt(1/4) = 4
    np.testing.assert_allclose(np.unique(change), [-4.0, 0.0, 4.0], atol=1e-5)
    assert float((change != 0).mean()) == pytest.approx(0.25, abs=0.02)
    with pytest.raises(ValueError, match="outside"):
        degradations.token_impulses(tokens, mask, 0.0, 0.0, rng())


def test_nothing_measured_gets_no_noise() -> None:
    tokens, mask = np.zeros((2, 3, 4), np.float32), np.zeros((2, 3), np.bool_)
    assert not degradations.token_noise(tokens, mask, 0.0, rng()).any()
    assert not degradations.token_impulses(tokens, mask, 0.0, 0.5, rng()).any()


def test_late_hides_the_newest_bins() -> None:
    mask = np.array([[True, False, True, True], [True, True, True, True]])
    np.testing.assert_array_equal(
        degradations.late(mask, 2), [[True, False, False, False], [True, True, False, False]]
    )
    np.testing.assert_array_equal(degradations.late(mask, 0), mask)
    assert not degradations.late(mask, 9).any()


def test_strangers_swap_their_share_among_themselves() -> None:
    owner = degradations.strangers(10, 0.4, rng())
    assert int((owner != np.arange(10)).sum()) == 4
    assert sorted(owner.tolist()) == list(range(10))
    np.testing.assert_array_equal(degradations.strangers(1, 1.0, rng()), [0])


def test_the_same_seed_gives_the_same_tokens() -> None:
    mask = np.ones((30, 12), dtype=np.bool_)
    tokens = np.ones((30, 12, 4), dtype=np.float32)
    for one, two in (
        (degradations.frame_drop(mask, 0.4, rng(s)) for s in (1, 1)),
        (degradations.block_drop(mask, 0.4, rng(s)) for s in (1, 1)),
        (degradations.imbalanced_missing(30, (0.3, 0.5), rng(s)) for s in (1, 1)),
        (degradations.strangers(30, 0.5, rng(s)) for s in (1, 1)),
        (degradations.token_noise(tokens, mask, 0.0, rng(s)) for s in (1, 1)),
        (degradations.token_impulses(tokens, mask, 0.0, 0.1, rng(s)) for s in (1, 1)),
    ):
        np.testing.assert_array_equal(one, two)
