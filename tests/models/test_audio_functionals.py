import numpy as np
import pytest

from tacit.models.audio_blocks import SAMPLE_RATE_HZ
from tacit.models.audio_functionals import (
    CEPSTRA,
    DIM,
    functionals,
    pitch_summary,
    speech_part,
    summary,
)
from tacit.models.features import Float32

PITCH = 6 * CEPSTRA


def tone(hz: float, seconds: float = 0.5) -> Float32:
    t = np.arange(round(SAMPLE_RATE_HZ * seconds)) / SAMPLE_RATE_HZ
    return np.asarray(0.3 * np.sin(2 * np.pi * hz * t), np.float32)


def test_speech_is_cut_to_what_is_near_the_loudest() -> None:
    energy = np.array([-90, -80, -20, -90, -40, -56, -90], np.float32)
    assert speech_part(energy) == slice(2, 5)


def test_summary_of_a_known_series() -> None:
    series = np.arange(11, dtype=np.float32)[:, None]
    assert summary(series) == pytest.approx([5.0, np.sqrt(10.0), 1.0, 5.0, 9.0])


def test_pitch_is_in_octaves_and_its_rise_is_seen() -> None:
    rising = np.array([0, 100, 200, 400, 800, 0], np.float32)
    found = pitch_summary(rising)
    assert found[0] == pytest.approx(1.5)  # mean of 0, 1, 2, 3 octaves above 100 Hz
    assert found[5] == pytest.approx(3.0)
    assert found[7] == pytest.approx(4 / 6)
    assert found[8] == pytest.approx(4.0)


def test_too_little_voice_gives_no_pitch_but_its_share() -> None:
    found = pitch_summary(np.array([0, 0, 200, 0], np.float32))
    assert found.tolist() == [0, 0, 0, 0, 0, 0, 0, 0.25, 0]


def test_an_octave_higher_tone_is_an_octave_higher() -> None:
    low, high = functionals(tone(150.0)), functionals(tone(300.0))
    assert low.shape == high.shape == (DIM,)
    assert low.dtype == np.float32
    assert high[PITCH] - low[PITCH] == pytest.approx(1.0, abs=0.02)


def test_louder_moves_loudness_by_as_many_db() -> None:
    quiet, loud = functionals(tone(200.0) * 0.1), functionals(tone(200.0))
    energy = PITCH + 9 + 5
    assert loud[energy] - quiet[energy] == pytest.approx(20.0, abs=0.2)


def test_silence_around_speech_changes_little() -> None:
    silence = np.zeros(SAMPLE_RATE_HZ // 4, np.float32)
    padded = functionals(np.concatenate([silence, tone(200.0), silence]))
    assert padded[PITCH] == pytest.approx(functionals(tone(200.0))[PITCH], abs=0.02)


def test_a_click_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 0\.1 s"):
        functionals(np.zeros(500, np.float32))
