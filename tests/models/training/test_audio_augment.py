import numpy as np

from tacit.models.audio_features import MELS, POWER_FLOOR
from tacit.models.features import Float32
from tacit.models.training.audio_augment import (
    FeatureAugment,
    WaveAugment,
    mixed_voices,
    resample_hops,
    vary_features,
    vary_wave,
)


def features(hops: int = 200) -> Float32:
    values = np.random.default_rng(0).normal(-9.0, 2.0, (hops, MELS + 3))
    values[:, MELS] = np.where(np.arange(hops) % 10 < 5, 180.0, 0.0)
    return values.astype(np.float32)


def test_wave_variants_differ_and_are_seeded() -> None:
    samples = (0.1 * np.random.default_rng(0).standard_normal(8000)).astype(np.float32)
    ranges = WaveAugment(damage=1.0)
    first = vary_wave(samples, ranges, np.random.default_rng(1))
    assert np.array_equal(first, vary_wave(samples, ranges, np.random.default_rng(1)))
    assert first.dtype == np.float32
    assert 0.84 < len(samples) / len(first) < 1.16
    assert len(first) != len(samples) or not np.allclose(first, samples)


def test_without_damage_only_speed_changes() -> None:
    samples = (0.1 * np.random.default_rng(0).standard_normal(8000)).astype(np.float32)
    out = vary_wave(samples, WaveAugment(speed=0.0, damage=0.0), np.random.default_rng(1))
    np.testing.assert_array_equal(out, samples)


def test_babble_holds_every_voice_at_the_same_power() -> None:
    low, high = np.full((30, MELS), -20.0, np.float32), np.full((50, MELS), -20.0, np.float32)
    low[:, 3], high[:, 40] = -4.0, 1.0
    mixed = mixed_voices([low, high], 120, np.random.default_rng(0))
    assert mixed.shape == (120, MELS)
    np.testing.assert_allclose(mixed[:, 3], mixed[:, 40], atol=1e-3)
    assert mixed[:, 3].min() > mixed[:, 20].max() + 5.0


def test_babble_is_laid_under_at_its_ratio() -> None:
    still = FeatureAugment(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, (6.0, 6.0), 0, 0, 0.0)
    clean = features()
    voice = np.random.default_rng(1).normal(-3.0, 1.0, (80, MELS)).astype(np.float32)
    noisy = vary_features(clean.copy(), still, np.random.default_rng(0), [voice])
    speech, both = (np.exp(f[:, :MELS].astype(np.float64)).mean() for f in (clean, noisy))
    np.testing.assert_allclose(10 * np.log10(speech / (both - speech)), 6.0, atol=0.05)


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
    still = FeatureAugment(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, (9.0, 9.0), 0, 0, 0.0)
    rng = np.random.default_rng(0)
    out = vary_features(resample_hops(features(), still, rng), still, rng)
    np.testing.assert_allclose(out, features(), atol=1e-5)
