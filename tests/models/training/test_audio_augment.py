import numpy as np

from tacit.models.audio_features import MELS, POWER_FLOOR
from tacit.models.features import Float32
from tacit.models.training.audio_augment import (
    FeatureAugment,
    WaveAugment,
    coloured_noise,
    resample_hops,
    reverberate,
    vary_features,
    vary_wave,
)


def features(hops: int = 200) -> Float32:
    values = np.random.default_rng(0).normal(-9.0, 2.0, (hops, MELS + 3))
    values[:, MELS] = np.where(np.arange(hops) % 10 < 5, 180.0, 0.0)
    return values.astype(np.float32)


def test_wave_variants_differ_and_are_seeded() -> None:
    samples = (0.1 * np.random.default_rng(0).standard_normal(8000)).astype(np.float32)
    ranges = WaveAugment(reverb=1.0, noise=1.0, low_pass=1.0)
    first = vary_wave(samples, ranges, np.random.default_rng(1))
    assert np.array_equal(first, vary_wave(samples, ranges, np.random.default_rng(1)))
    assert first.dtype == np.float32
    assert 0.84 < len(samples) / len(first) < 1.16
    assert len(first) != len(samples) or not np.allclose(first, samples)


def test_noise_has_unit_power() -> None:
    noise = coloured_noise(16_000, np.random.default_rng(0))
    assert noise.shape == (16_000,)
    np.testing.assert_allclose(noise.std(), 1.0, rtol=1e-5)


def test_a_room_keeps_the_direct_sound_and_looks_not_ahead() -> None:
    click = np.zeros(1000, np.float32)
    click[100] = 1.0
    heard = reverberate(click, 0.05, np.random.default_rng(0))
    assert np.abs(heard[:100]).max() < 1e-6
    assert abs(heard[100] - 1.0) < 1e-6
    assert np.abs(heard[101:900]).max() > 0.01


def test_tempo_changes_length_and_never_mixes_pitch_with_silence() -> None:
    out = resample_hops(features(), FeatureAugment(tempo=0.2), np.random.default_rng(3))
    assert len(out) != 200
    assert 160 <= len(out) <= 250
    assert set(np.unique(out[:, MELS])) == {0.0, 180.0}


def test_feature_changes_keep_the_floor_and_the_form() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        out = vary_features(features(), FeatureAugment(noise=0.5), rng)
        assert out.shape == (200, MELS + 3)
        assert np.isfinite(out).all()
        assert out[:, :MELS].min() >= np.log(POWER_FLOOR) - 1e-3


def test_no_change_asked_for_is_none() -> None:
    still = FeatureAugment(0.0, 0.0, 0.0, 0.0, 0.0, (9.0, 9.0), 0, 0, 0.0)
    rng = np.random.default_rng(0)
    out = vary_features(resample_hops(features(), still, rng), still, rng)
    np.testing.assert_allclose(out, features(), atol=1e-5)
