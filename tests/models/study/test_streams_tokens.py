import os
from pathlib import Path

import numpy as np
import pytest

from tacit.models.datasets.ravdess import parse_clip
from tacit.models.datasets.ravdess_streams import UNITS
from tacit.models.study.streams_tokens import (
    AUDIO_DIM,
    BANDS,
    audio_tokens,
    face_tokens,
    read_take,
)

DATA = Path(os.environ.get("TACIT_DATA", "../shared/data"))
RATE_HZ = 16_000


def test_a_bin_knows_its_own_sound_alone() -> None:
    """Half a second of silence, then a tone of 200 Hz."""
    t = np.arange(RATE_HZ) / RATE_HZ
    samples = np.where(t < 0.5, 0.0, 0.5 * np.sin(2 * np.pi * 200 * t)).astype(np.float32)
    tokens = audio_tokens(samples)
    assert tokens.shape == (4, AUDIO_DIM)
    pitch, loudness = 2 * BANDS, 2 * BANDS + 4
    assert tokens[0, pitch] == 0.0
    assert tokens[3, pitch] == pytest.approx(np.log(200.0), abs=0.01)
    assert tokens[3, loudness] == pytest.approx(-9.0, abs=0.1)
    assert tokens[0, loudness] == pytest.approx(-100.0)
    assert abs(tokens[3, -1]) < 0.1


def test_a_rising_sound_has_a_rising_slope() -> None:
    t = np.arange(RATE_HZ // 4) / RATE_HZ
    tone = (t * np.sin(2 * np.pi * 200 * t)).astype(np.float32)
    rising, falling = audio_tokens(tone)[0, -1], audio_tokens(tone[::-1].copy())[0, -1]
    assert rising > 3.0
    assert falling < -3.0


def test_frames_are_averaged_where_they_fall() -> None:
    frames = np.arange(15, dtype=np.float32)[:, None] * np.ones(UNITS, np.float32)
    tokens, mask = face_tokens(frames, 4)
    assert mask.tolist() == [True, True, False, False]
    # 29.97 frames a second: the middles of frames 0 to 6 lie in the first quarter of a second.
    assert tokens[0, 0] == pytest.approx(3.0, abs=0.51)
    assert tokens[1, 0] == pytest.approx(11.0, abs=0.51)
    assert (tokens[2:] == 0.0).all()


@pytest.mark.data
def test_real_takes_have_faces_for_five_actors() -> None:
    folder = DATA / "ravdess" / "audio"
    if not folder.is_dir():
        pytest.skip(f"no RAVDESS at {folder}; set TACIT_DATA")
    for actor in (3, 6):
        clip = parse_clip(next(folder.rglob(f"03-01-05-02-01-01-{actor:02d}.flac")))
        audio, face, seen = read_take(DATA, clip)
        assert len(audio) == len(face) == len(seen) >= 11
        assert np.isfinite(audio).all()
        assert seen.all() == (actor == 3)
        assert (face != 0.0).any() == (actor == 3)
