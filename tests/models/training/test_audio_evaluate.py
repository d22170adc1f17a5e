from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tacit.models.audio_encoder import StreamingAudioEncoder
from tacit.models.audio_net import AudioNet, AudioNetConfig
from tacit.models.datasets.ravdess import Clip, parse_clip, read_audio
from tacit.models.degradations import active_rms, rms
from tacit.models.features import TokenGrid
from tacit.models.training.audio import fit_scale
from tacit.models.training.audio_corpus import CorpusConfig, load_corpus
from tacit.models.training.audio_evaluate import (
    Scored,
    noisy,
    read_features,
    read_stream,
    score_stream,
    score_whole,
    speech_in_windows,
    summarise,
    verdict,
    window_ends,
)

NET = AudioNetConfig(stem=(4, 8, 8), width=16, dilations=(1,), dim=8)


def quiet(message: str) -> None:
    """A run that nobody watches."""


def clips(folder: Path, actor: int = 1) -> list[Clip]:
    """One second of a tone per emotion."""
    t = np.arange(16_000) / 16_000
    made = []
    for code in range(2, 9):
        tone = 0.2 * np.sin(2 * np.pi * 150 * code * t) * (np.abs(t - 0.5) < 0.4)
        path = folder / f"03-01-{code:02d}-01-01-01-{actor:02d}.wav"
        soundfile.write(path, tone, 16_000)
        made.append(parse_clip(path))
    return made


def test_stored_features_and_the_stream_read_a_clip_alike(tmp_path: Path) -> None:
    listed = clips(tmp_path)[:1]
    corpus = load_corpus(listed, CorpusConfig(variants=1), None, quiet)
    torch.manual_seed(0)
    model = AudioNet(NET).eval()
    fit_scale(model, corpus)
    samples, _ = soundfile.read(listed[0].path, dtype="float32")
    stored, _ = read_features(model, corpus[0].variants[0].astype(np.float32), TokenGrid())
    streamed, ends = read_stream(StreamingAudioEncoder(model), samples, TokenGrid(), chunk=777)
    assert len(streamed) == len(ends) == len(stored)
    np.testing.assert_allclose(streamed, stored, atol=5e-3)  # stored features are float16


def test_windows_end_every_half_second_and_at_the_end() -> None:
    ends = window_ends(2_200_000_000) / 1e9
    np.testing.assert_allclose(ends, [1.0, 1.5, 2.0, 2.2])
    np.testing.assert_allclose(window_ends(400_000_000) / 1e9, [0.4])


def test_verdicts_weigh_windows_by_rule() -> None:
    probabilities = np.eye(7, dtype=np.float32)[:3]
    speech_s = np.array([0.0, 1.0, 3.0], np.float32)
    np.testing.assert_allclose(verdict(probabilities, speech_s, "mean")[:3], 1 / 3, rtol=1e-5)
    np.testing.assert_allclose(
        verdict(probabilities, speech_s, "speech")[:3], [0, 0.25, 0.75], atol=1e-3
    )
    np.testing.assert_allclose(verdict(probabilities, speech_s, "fullest")[:3], [0, 0, 1])


def test_figures_of_known_verdicts() -> None:
    labels = np.array([0, 0, 0, 1])
    probabilities = np.eye(7, dtype=np.float32)[[0, 0, 1, 1]]
    scored = Scored(labels, probabilities)
    assert scored.uar == pytest.approx((2 / 3 + 1) / 2)
    assert scored.recalls()["neutral"] == pytest.approx(2 / 3)
    assert scored.accuracy == pytest.approx(3 / 4)


def test_speech_is_counted_inside_each_window() -> None:
    energy_db = np.full(500, -90.0, np.float32)
    energy_db[100:200] = -20.0
    ends = np.array([1_500_000_000, 3_000_000_000, 5_000_000_000])
    np.testing.assert_allclose(speech_in_windows(energy_db, ends, TokenGrid()), [0.5, 1.0, 0.0])


def test_a_summary_gives_each_sex_and_emotion(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    listed = [*clips(tmp_path), *clips(tmp_path / "b", actor=2)]
    labels = np.array([c.label for c in listed])
    predicted = np.where(np.array([c.actor for c in listed]) == 1, labels, 0)
    scored = Scored(labels, np.eye(7, dtype=np.float32)[predicted])
    figures = summarise("test", scored, listed, seed=0)
    assert figures["test.uar_male"] == pytest.approx(1.0)
    assert figures["test.uar_female"] == pytest.approx(1 / 7)
    assert figures["test.recall_neutral"] == pytest.approx(1.0)
    assert figures["test.uar_low"] == pytest.approx(1 / 7)
    assert figures["test.uar_high"] == pytest.approx(1.0)


def test_whole_clips_are_judged_as_the_stream_judges_them(tmp_path: Path) -> None:
    listed = clips(tmp_path)
    corpus = load_corpus(listed, CorpusConfig(variants=0), None, quiet)
    torch.manual_seed(0)
    model = AudioNet(NET).eval()
    fit_scale(model, corpus)
    whole = score_whole(model, listed, "speech", TokenGrid())
    streamed = score_stream(StreamingAudioEncoder(model), listed, "speech", TokenGrid())
    np.testing.assert_allclose(whole.probabilities, streamed.probabilities, atol=1e-4)


def test_noise_is_bound_to_the_clip_and_meets_its_ratio(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    listed = [*clips(tmp_path), *clips(tmp_path / "b", actor=2)]
    change, again = noisy(listed, 10.0), noisy(listed, 10.0)
    for clip in listed:
        samples = read_audio(clip.path)
        spoilt = change(clip, samples)
        np.testing.assert_array_equal(spoilt, again(clip, samples))
        laid = spoilt - samples
        ratio_db = 20 * np.log10(active_rms(samples, 16_000) / rms(laid))
        assert ratio_db == pytest.approx(10.0, abs=0.1)
