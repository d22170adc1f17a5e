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


def test_pink_noise_falls_and_does_not_depend_on_where_reading_starts() -> None:
    noise = degradations.pink_noise(0, 1 << 17, seed=1)
    np.testing.assert_array_equal(degradations.pink_noise(5000, 9000, seed=1), noise[5000:14000])
    power = np.abs(np.fft.rfft(noise)) ** 2
    one, two = power[8192:16384].mean(), power[16384:32768].mean()  # 1 to 2, 2 to 4 kHz
    assert 10 * np.log10(one / two) == pytest.approx(3.0, abs=0.4)
    assert float(noise.std()) == pytest.approx(1.0, abs=0.01)
    with pytest.raises(ValueError, match="first >= 0"):
        degradations.pink_noise(0, -1, seed=1)


def test_a_room_keeps_the_energy_and_splits_it_in_half() -> None:
    room = degradations.room_response(0.5, RATE_HZ, rng())
    assert room.shape == (1 + RATE_HZ // 2,)
    assert float(np.sum(room**2)) == pytest.approx(1.0, rel=1e-5)
    assert float(room[0] ** 2) == pytest.approx(0.5, rel=1e-5)


def test_the_active_level_ignores_pauses() -> None:
    speech = tone(200.0)
    padded = np.concatenate([speech, np.zeros(3 * RATE_HZ, dtype=np.float32)])
    assert degradations.active_rms(padded, RATE_HZ) == pytest.approx(0.3 / np.sqrt(2), rel=1e-3)
    assert degradations.rms(padded) == pytest.approx(0.15 / np.sqrt(2), rel=1e-3)
    assert degradations.active_rms(np.zeros(900, dtype=np.float32), RATE_HZ) == 0.0
    assert degradations.active_rms(np.full(7, 0.5, dtype=np.float32), RATE_HZ) == 0.5


@pytest.mark.parametrize("snr_db", [-5.0, 10.0])
def test_a_background_meets_its_ratio_to_active_speech(snr_db: float) -> None:
    padded = np.concatenate([tone(200.0), np.zeros(RATE_HZ, dtype=np.float32)])
    noise = 7.0 * degradations.coloured_noise(padded.size, 3.0, rng())
    laid = degradations.add_background(padded, noise, snr_db, RATE_HZ) - padded
    realised = 20 * np.log10(0.3 / np.sqrt(2) / degradations.rms(laid))
    assert realised == pytest.approx(snr_db, abs=0.05)


def test_a_background_needs_the_length_of_the_speech_and_a_sound() -> None:
    silent = np.zeros(RATE_HZ, dtype=np.float32)
    np.testing.assert_array_equal(
        degradations.add_background(tone(90.0), silent, 0.0, RATE_HZ), tone(90.0)
    )
    with pytest.raises(ValueError, match="differ in length"):
        degradations.add_background(silent, silent[:-1], 0.0, RATE_HZ)


@pytest.mark.parametrize("slope_db", [0.0, 3.0, 6.0])
def test_coloured_noise_falls_by_its_slope_per_octave(slope_db: float) -> None:
    noise = degradations.coloured_noise(1 << 17, slope_db, rng())
    power = np.abs(np.fft.rfft(noise)) ** 2
    one, two = power[1000:2000].mean(), power[2000:4000].mean()
    assert 10 * np.log10(one / two) == pytest.approx(slope_db, abs=0.4)
    assert float(noise.std()) == pytest.approx(1.0, abs=1e-3)


def test_babble_mixes_every_voice_at_one_level() -> None:
    quiet, loud = 0.01 * tone(300.0), tone(2000.0)
    silent = np.zeros(50, dtype=np.float32)
    mixed = degradations.babble([quiet, loud, silent], 2 * RATE_HZ, rng())
    power = np.abs(np.fft.rfft(mixed)) ** 2
    assert power[600] == pytest.approx(power[4000], rel=1e-3)
    assert power[[600, 4000]].sum() / power.sum() > 0.999
    assert degradations.rms(mixed) == pytest.approx(1.0, rel=1e-3)
    with pytest.raises(ValueError, match="at least one voice"):
        degradations.babble([silent], 100, rng())


@settings(max_examples=30, deadline=None)
@given(first=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 5000), max_size=4))
def test_muted_bursts_of_a_stream_do_not_depend_on_its_chunks(first: int, cuts: list[int]) -> None:
    whole = degradations.muted_at(first, 5000, 0.5, 160, seed=4)
    edges = [0, *sorted(cuts), 5000]
    parts = [degradations.muted_at(first + a, b - a, 0.5, 160, seed=4) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_muted_bursts_are_whole_and_meet_their_share() -> None:
    muted = degradations.muted_at(0, 160 * 2000, 0.3, 160, seed=1).reshape(2000, 160)
    assert bool((muted.all(axis=1) | ~muted.any(axis=1)).all())
    assert float(muted.mean()) == pytest.approx(0.3, abs=0.03)
    with pytest.raises(ValueError, match="first >= 0"):
        degradations.muted_at(-1, 5, 0.3, 160, seed=1)


def test_the_same_seed_gives_the_same_sound() -> None:
    clean = tone(300.0)
    for one, two in (
        (degradations.add_noise(clean, 5.0, rng(s)) for s in (1, 1)),
        (degradations.mute_bursts(clean, 0.5, 200, rng(s)) for s in (1, 1)),
        (degradations.reverberate(clean, 0.3, RATE_HZ, rng(s)) for s in (1, 1)),
        (degradations.coloured_noise(500, 3.0, rng(s)) for s in (1, 1)),
        (degradations.babble([clean], 500, rng(s)) for s in (1, 1)),
    ):
        np.testing.assert_array_equal(one, two)
