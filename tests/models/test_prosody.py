import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tacit.models.features import Float32
from tacit.models.prosody import FLOOR_DB, HIGHEST_HZ, LOWEST_HZ, Prosody


def pulses(hz: float, seconds: float = 1.0) -> Float32:
    """Band-limited pulses: the sum of all harmonics below 4 kHz, peak 0.5."""
    t: NDArray[np.float64] = np.arange(int(16_000 * seconds)) / 16_000
    count = int(4000 / hz)
    wave = sum(np.cos(2 * np.pi * hz * k * t) for k in range(1, count + 1))
    return np.asarray(0.5 * wave / count, np.float32)


def noise(length: int, scale: float = 0.1) -> Float32:
    return np.asarray(scale * np.random.default_rng(1).standard_normal(length), np.float32)


@pytest.mark.parametrize("hz", [80.0, 120.0, 200.0, 310.0, 440.0])
def test_pitch_of_pulses_within_two_percent(hz: float) -> None:
    f0_hz, voicing = Prosody().whole(pulses(hz))[10:, :2].T
    np.testing.assert_allclose(f0_hz, hz, rtol=0.02)
    assert voicing.min() > 0.9


def test_pitch_of_pulses_in_noise() -> None:
    samples = pulses(200.0)
    noisy = samples + noise(len(samples), 0.3 * float(samples.std()))
    f0_hz = Prosody().whole(noisy)[10:, 0]
    np.testing.assert_allclose(f0_hz, 200.0, rtol=0.02)


def test_silence_is_unvoiced_and_at_the_floor() -> None:
    values = Prosody().whole(np.zeros(8000, np.float32))
    assert not values[:, :2].any()
    np.testing.assert_allclose(values[:, 2], FLOOR_DB)


def test_noise_is_unvoiced() -> None:
    values = Prosody().whole(noise(16_000))
    assert (values[:, 0] > 0).mean() < 0.05


def test_energy_is_in_decibels_of_full_scale() -> None:
    t = np.arange(16_000) / 16_000
    full = np.sin(2 * np.pi * 200 * t).astype(np.float32)
    np.testing.assert_allclose(Prosody().whole(full)[10:, 2], -3.01, atol=0.1)
    np.testing.assert_allclose(Prosody().whole(full / 10)[10:, 2], -23.01, atol=0.1)


def test_the_future_does_not_change_the_past() -> None:
    samples = pulses(150.0)
    changed = samples.copy()
    changed[8000:] = noise(8000)
    assert np.array_equal(Prosody().whole(samples)[:50], Prosody().whole(changed)[:50])


@settings(deadline=None, max_examples=25)
@given(
    length=st.integers(0, 6000),
    chunks=st.lists(st.integers(0, 2000), max_size=10),
    scale=st.sampled_from([1e-6, 0.01, 1.0, 100.0]),
)
def test_any_chunking_gives_the_same_bits(length: int, chunks: list[int], scale: float) -> None:
    samples = noise(length, scale)
    extractor = Prosody()
    once, _ = extractor.step(samples, extractor.initial_state())
    state = extractor.initial_state()
    pieces = []
    for chunk in np.split(samples, np.minimum(np.cumsum(chunks, dtype=np.int64), length)):
        values, state = extractor.step(chunk, state)
        pieces.append(values)
    assert np.array_equal(np.concatenate(pieces), once)
    f0_hz, voicing, energy_db = once.T
    assert np.isfinite(once).all()
    assert ((f0_hz == 0) | ((f0_hz >= LOWEST_HZ * 0.99) & (f0_hz <= HIGHEST_HZ * 1.05))).all()
    assert ((voicing >= 0) & (voicing <= 1)).all()
    assert (energy_db >= FLOOR_DB).all()


def test_whole_recording_equals_the_stream() -> None:
    samples = pulses(170.0)
    streamed, _ = Prosody().step(samples, Prosody().initial_state())
    np.testing.assert_allclose(Prosody().whole(samples), streamed, rtol=1e-4, atol=1e-4)


def test_samples_of_the_wrong_form_are_refused() -> None:
    with pytest.raises(ValueError, match="got float64"):
        Prosody().whole(np.zeros(1600))  # type: ignore[arg-type]
