import shutil
from pathlib import Path

import numpy as np
import pytest

from tools import make_sample
from tools.make_sample import Findings, Track, expression_at, fade, inspect, mouth_openings


def silent_track(seconds: float) -> Track:
    samples = np.zeros(int(seconds * make_sample.SAMPLE_HZ), dtype=np.float32)
    return Track(samples, tuple((float(i), i + 0.5) for i in range(len(make_sample.SCRIPT))))


@pytest.mark.media
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_shipped_sample_has_a_face_and_speech() -> None:
    findings = inspect(make_sample.OUT)
    assert findings.faults() == []
    assert 8 * make_sample.FPS <= findings.frames <= 15 * make_sample.FPS


def test_unfit_samples_are_named() -> None:
    unfit = Findings(3_000_000, 300, 0.5, 1.0, ("mp3", "mpeg4"))
    assert unfit.faults() == [
        "3000000 bytes, more than 2000000",
        "a face in 50% of the frames only",
        "1.0 s of speech only",
        "codecs are ('mp3', 'mpeg4')",
    ]


@pytest.mark.media
@pytest.mark.slow
def test_inspection_finds_nothing_where_nothing_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = np.full((make_sample.HEIGHT, make_sample.WIDTH, 3), 128, dtype=np.uint8)
    monkeypatch.setattr(make_sample, "draw_frames", lambda track: iter([grey] * 10))
    path = tmp_path / "empty.mp4"
    make_sample.write_video(path, silent_track(1.0))
    findings = inspect(path)
    assert (findings.frames, findings.face_share, findings.speech_s) == (10, 0.0, 0.0)


@pytest.mark.process
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_the_voice_is_loud_as_asked_and_the_same_each_time() -> None:
    sentence = make_sample.SCRIPT[3]
    voice = make_sample.speak(sentence)
    assert voice.dtype == np.float32
    assert 0.5 < len(voice) / make_sample.SAMPLE_HZ < 4.0
    assert np.abs(voice).max() == pytest.approx(sentence.loudness, rel=1e-5)
    assert np.array_equal(voice, make_sample.speak(sentence))


def test_a_missing_voice_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="needs espeak-ng"):
        make_sample.speak(make_sample.SCRIPT[0])


def test_the_mouth_opens_where_the_voice_is() -> None:
    track = silent_track(1.0)
    track.samples[24_000:] = 0.5
    openings = mouth_openings(track, 30)
    assert openings[:10].max() < 0.01
    assert openings[20:].min() > 0.9


def test_an_expression_fades_in_and_out() -> None:
    assert fade(0.0, 1.0, 2.0) == 0.0
    assert fade(1.0, 1.0, 2.0) == pytest.approx(0.5)
    assert fade(1.5, 1.0, 2.0) == 1.0
    assert fade(3.0, 1.0, 2.0) == 0.0


def test_each_sentence_shows_its_own_expression_and_eyes_blink() -> None:
    track = silent_track(5.0)
    happy = expression_at(1.25, 0.0, track)
    assert happy.corners == pytest.approx(make_sample.SCRIPT[1].expression.corners)
    blinks = [expression_at(i / make_sample.FPS, 0.0, track).blink for i in range(150)]
    assert max(blinks) > 0.9
    assert np.median(blinks) < 0.01
