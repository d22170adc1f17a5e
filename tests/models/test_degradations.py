from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tacit.models import degradations

RATE_HZ = 16_000
SECOND = np.arange(RATE_HZ) / RATE_HZ


def tone(frequency_hz: float, amplitude: float = 0.3) -> NDArray[np.float32]:
    wave: NDArray[np.float32] = (amplitude * np.sin(2 * np.pi * frequency_hz * SECOND)).astype(
        np.float32
    )
    return wave


def picture(seed: int = 0, height: int = 40, width: int = 60) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def rng(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_rms_of_a_sine_and_of_nothing() -> None:
    assert degradations.rms(tone(440.0, 0.5)) == pytest.approx(0.5 / np.sqrt(2), rel=1e-4)
    assert degradations.rms(np.zeros(0, dtype=np.float32)) == 0.0


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 5.0, 20.0])
def test_noise_meets_the_stated_ratio(snr_db: float) -> None:
    clean = tone(220.0)
    noise = degradations.add_noise(clean, snr_db, rng()) - clean
    realised = 20 * np.log10(degradations.rms(clean) / degradations.rms(noise))
    assert realised == pytest.approx(snr_db, abs=0.5)


def test_noise_leaves_silence_silent() -> None:
    assert not degradations.add_noise(np.zeros(100, dtype=np.float32), 0.0, rng()).any()


def test_white_noise_has_unit_power_and_a_flat_spectrum() -> None:
    noise = degradations.white_noise(0, 8 * RATE_HZ, seed=1)
    assert abs(float(noise.mean())) < 0.02
    assert float(noise.std()) == pytest.approx(1.0, abs=0.02)
    power = np.abs(np.fft.rfft(noise)) ** 2
    low, high = np.array_split(power, 2)
    assert float(low.mean() / high.mean()) == pytest.approx(1.0, abs=0.05)


@settings(max_examples=30, deadline=None)
@given(
    first=st.integers(0, 3 * degradations.NOISE_BLOCK),
    cuts=st.lists(st.integers(0, 9000), max_size=5),
)
def test_white_noise_does_not_depend_on_the_cut(first: int, cuts: list[int]) -> None:
    whole = degradations.white_noise(first, 9000, seed=3)
    edges = [0, *sorted(cuts), 9000]
    parts = [degradations.white_noise(first + a, b - a, seed=3) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_white_noise_depends_on_the_seed_and_place() -> None:
    first = degradations.white_noise(0, 500, seed=1)
    assert not np.array_equal(first, degradations.white_noise(0, 500, seed=2))
    assert not np.array_equal(
        first, degradations.white_noise(degradations.NOISE_BLOCK, 500, seed=1)
    )
    with pytest.raises(ValueError, match="not -1 and 3"):
        degradations.white_noise(-1, 3, seed=0)


def test_overdrive_clips_the_peaks() -> None:
    loud = degradations.overdrive(tone(100.0), 20.0)
    assert float(np.abs(loud).max()) == 1.0
    assert float(np.mean(np.abs(loud) >= 0.99)) > 0.5


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_mute_bursts_silence_whole_bursts_at_the_rate(share: float) -> None:
    muted = degradations.mute_bursts(np.ones(1000, dtype=np.float32), share, 100, rng())
    bursts = muted.reshape(10, 100)
    assert set(bursts.sum(axis=1)) <= {0.0, 100.0}
    assert float((bursts.sum(axis=1) == 0).mean()) == pytest.approx(share)


def test_low_pass_keeps_speech_and_stops_what_is_above() -> None:
    kept = degradations.low_pass(tone(1000.0), 3400.0, RATE_HZ)
    stopped = degradations.low_pass(tone(6800.0), 3400.0, RATE_HZ)
    assert degradations.rms(kept[2000:]) == pytest.approx(0.3 / np.sqrt(2), rel=0.02)
    assert degradations.rms(stopped[2000:]) < 0.01 * degradations.rms(tone(6800.0))


def test_reverberation_keeps_the_level_and_rings_on_by_its_decay_time() -> None:
    click = np.zeros(RATE_HZ, dtype=np.float32)
    click[100] = 1.0
    room = degradations.reverberate(click, 0.6, RATE_HZ, rng())
    assert degradations.rms(room) == pytest.approx(degradations.rms(click), rel=1e-3)
    assert degradations.rms(room[:100]) < 1e-6
    early, late = (degradations.rms(room[a : a + 1600]) for a in (200, 200 + 4800))
    assert 20 * np.log10(early / late) == pytest.approx(30.0, abs=2.0)


def test_reverberation_of_silence_is_silence() -> None:
    assert not degradations.reverberate(np.zeros(500, dtype=np.float32), 0.3, RATE_HZ, rng()).any()


def test_blur_spreads_a_point_and_keeps_its_light() -> None:
    point = np.zeros((41, 41, 3), dtype=np.uint8)
    point[18:23, 18:23] = 250
    blurred = degradations.blur(point, 3.0)
    assert blurred.max() < 125
    assert float(blurred.sum()) == pytest.approx(float(point.sum()), rel=0.1)


def test_low_light_keeps_the_share_and_loses_detail() -> None:
    dark = degradations.low_light(picture(), 0.1)
    assert float(dark.mean()) == pytest.approx(0.1 * float(picture().mean()), rel=0.05)
    assert len(np.unique(dark)) <= 27


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_occlusion_covers_its_share_in_one_box(share: float) -> None:
    image = np.zeros((40, 60, 3), dtype=np.uint8)
    covered = degradations.occlude(image, share, rng())[:, :, 0] == 128
    assert float(covered.mean()) == pytest.approx(share, abs=0.01)
    assert int(covered.sum()) == int(covered.any(axis=1).sum() * covered.any(axis=0).sum())
    assert not image.any()


def test_image_noise_has_its_strength() -> None:
    grey = np.full((80, 80, 3), 128, dtype=np.uint8)
    noisy = degradations.image_noise(grey, 20.0, rng())
    assert float((noisy.astype(np.float64) - 128).std()) == pytest.approx(20.0, rel=0.03)


def test_impulse_noise_spoils_its_share_of_pixels() -> None:
    grey = np.full((200, 200, 3), 128, dtype=np.uint8)
    spoilt = degradations.impulse_noise(grey, 0.2, rng())
    assert set(np.unique(spoilt)) == {0, 128, 255}
    assert float((spoilt[:, :, 0] != 128).mean()) == pytest.approx(0.2, abs=0.01)
    assert bool((spoilt[:, :, 0] == spoilt[:, :, 1]).all())


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


def test_the_same_seed_gives_the_same_result() -> None:
    clean, image = tone(300.0), picture()
    mask = np.ones((30, 12), dtype=np.bool_)
    for one, two in (
        (degradations.add_noise(clean, 5.0, rng(s)) for s in (1, 1)),
        (degradations.mute_bursts(clean, 0.5, 200, rng(s)) for s in (1, 1)),
        (degradations.reverberate(clean, 0.3, RATE_HZ, rng(s)) for s in (1, 1)),
        (degradations.image_noise(image, 9.0, rng(s)) for s in (1, 1)),
        (degradations.occlude(image, 0.2, rng(s)) for s in (1, 1)),
        (degradations.impulse_noise(image, 0.2, rng(s)) for s in (1, 1)),
        (degradations.frame_drop(mask, 0.4, rng(s)) for s in (1, 1)),
        (degradations.block_drop(mask, 0.4, rng(s)) for s in (1, 1)),
    ):
        np.testing.assert_array_equal(one, two)
