from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.models.audio_blocks import BLOCK, HOP, MAX_AMPLITUDE
from tacit.models.audio_features import MELS, POWER_FLOOR, LogMel, mel_matrix
from tacit.models.features import Float32

CHUNKS = st.lists(st.integers(0, 2500), max_size=12)


def noise(length: int, seed: int = 0) -> Float32:
    return np.asarray(0.1 * np.random.default_rng(seed).standard_normal(length), np.float32)


def cut(samples: Float32, lengths: Sequence[int]) -> list[Float32]:
    return np.split(samples, np.minimum(np.cumsum(lengths, dtype=np.int64), len(samples)))


def sine(hz: float, seconds: float = 1.0, amplitude: float = 0.5) -> Float32:
    t = np.arange(int(16_000 * seconds)) / 16_000
    return np.asarray(amplitude * np.sin(2 * np.pi * hz * t), np.float32)


@settings(deadline=None, max_examples=40)
@given(length=st.integers(0, 9000), chunks=CHUNKS)
def test_any_chunking_gives_the_same_bits(length: int, chunks: list[int]) -> None:
    samples = noise(length)
    extractor = LogMel()
    once, _ = extractor.step(samples, extractor.initial_state())
    state = extractor.initial_state()
    pieces = []
    for chunk in cut(samples, chunks):
        values, state = extractor.step(chunk, state)
        pieces.append(values)
    assert np.array_equal(np.concatenate(pieces), once)
    assert len(once) == length // BLOCK * 4


def test_whole_recording_equals_the_stream() -> None:
    samples = noise(16_000)
    extractor = LogMel()
    streamed, _ = extractor.step(samples, extractor.initial_state())
    whole = extractor.whole(samples)
    assert whole.shape == (100, MELS)
    np.testing.assert_allclose(whole, streamed, atol=1e-5)


def test_the_future_does_not_change_the_past() -> None:
    samples = noise(16_000)
    changed = samples.copy()
    changed[8000:] = 0.0
    before, after = LogMel().whole(samples), LogMel().whole(changed)
    assert np.array_equal(before[:50], after[:50])
    assert not np.allclose(before[50:], after[50:])


@pytest.mark.parametrize("hz", [300.0, 1000.0, 4000.0])
def test_a_sine_peaks_in_the_band_around_it(hz: float) -> None:
    band = int(LogMel().whole(sine(hz))[50].argmax())
    bins = np.linspace(0.0, 8000.0, len(mel_matrix()))
    centre = float(bins[mel_matrix()[:, band].argmax()])
    assert centre == pytest.approx(hz, rel=0.05)


def test_ten_times_the_amplitude_is_a_hundred_times_the_power() -> None:
    quiet, loud = LogMel().whole(noise(8000)), LogMel().whole(10 * noise(8000))
    np.testing.assert_allclose(loud[5:] - quiet[5:], np.log(100.0), atol=0.01)


def test_silence_is_the_floor() -> None:
    values = LogMel().whole(np.zeros(3200, np.float32))
    np.testing.assert_allclose(values, np.log(POWER_FLOOR), rtol=1e-5)


def test_every_filter_sums_to_one() -> None:
    np.testing.assert_allclose(mel_matrix().sum(axis=0), 1.0, rtol=1e-5)


def test_too_loud_samples_are_limited() -> None:
    values = LogMel().whole(np.full(3200, 1e30, np.float32))
    limited = LogMel().whole(np.full(3200, MAX_AMPLITUDE, np.float32))
    assert np.array_equal(values, limited)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 160), np.float32), r"\(N,\) float32, got float32 of shape \(2, 160\)"),
        (np.zeros(160, np.int16), r"got int16"),
        (np.array([0.0, np.nan], np.float32), "NaN or infinity"),
        (np.array([np.inf], np.float32), "NaN or infinity"),
    ],
)
def test_samples_of_the_wrong_form_are_refused(samples: Float32, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LogMel().step(samples, LogMel().initial_state())


def test_hop_is_ten_milliseconds() -> None:
    assert len(LogMel().whole(noise(HOP * 7 + HOP - 1))) == 7
