from pathlib import Path

import numpy as np
import soundfile
import torch

from tacit.models.datasets.ravdess import Clip, parse_clip
from tacit.models.training.audio_augment import FeatureAugment
from tacit.models.training.audio_corpus import CorpusConfig, load_corpus, raw_features
from tacit.models.training.audio_windows import (
    WindowConfig,
    WindowSampler,
    draw_stream,
    speech_hops,
)


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


def test_every_drawn_window_holds_a_measured_frame() -> None:
    rng = np.random.default_rng(0)
    features = raw_features((0.1 * rng.standard_normal(16_000)).astype(np.float32))
    config = WindowConfig(late_start=0.5, mask_silence=1.0, drop=1.0)
    for _ in range(200):
        stream = draw_stream(features, 3, config, FeatureAugment(), rng)
        middle = stream.frame_ns + 20_000_000
        assert ((middle >= 0) & (middle < config.grid.window_ns)).any(axis=1).all()


def test_windows_are_what_the_network_expects(tmp_path: Path) -> None:
    corpus = load_corpus(clips(tmp_path), CorpusConfig(variants=1), None, quiet)
    sampler = WindowSampler(corpus, WindowConfig(), FeatureAugment(), seed=3)
    for batch in sampler.batches(10, 5, windows=3):
        assert batch.features.shape[0] == len(batch.labels) == 10
        assert batch.features.shape[1] == batch.weights.shape[2] * 4
        assert torch.isfinite(batch.features).all()
        assert batch.mask.any(dim=1).all()
        assert torch.equal(batch.mask.flatten(), batch.weights.sum(dim=2).flatten() > 0)
    assert (~batch.mask).any(), "clips of 1 s cannot fill a window of 3 s"


def test_speech_is_what_lies_near_the_loudest_hop() -> None:
    loud = speech_hops(np.array([-80.0, -50.0, -20.0, -54.0, -56.0], np.float32))
    assert loud.tolist() == [False, True, True, True, False]


def test_rare_classes_are_drawn_as_often(tmp_path: Path) -> None:
    listed = clips(tmp_path)
    corpus = load_corpus([*listed, *listed[:1] * 5], CorpusConfig(variants=0), None, quiet)
    sampler = WindowSampler(corpus, WindowConfig(), FeatureAugment(), seed=0)
    labels = torch.cat([b.labels for b in sampler.batches(50, 10)])
    assert torch.bincount(labels, minlength=7).min() > 45  # 71 each on average


def test_a_stream_keeps_little_silence_around_its_speech() -> None:
    t = np.arange(64_000) / 16_000
    tone = (0.2 * np.sin(2 * np.pi * 300 * t) * (np.abs(t - 2.0) < 0.5)).astype(np.float32)
    rng = np.random.default_rng(0)
    config = WindowConfig(margin=20, late_start=0.0)
    still = FeatureAugment(tempo=0.0, gain_db=0.0, noise=0.0)
    for _ in range(30):
        hops = len(draw_stream(raw_features(tone), 2, config, still, rng).features)
        assert 100 <= hops <= 150


def test_voices_of_other_clips_are_laid_under(tmp_path: Path) -> None:
    corpus = load_corpus(clips(tmp_path), CorpusConfig(variants=0), None, quiet)
    still = FeatureAugment(0.0, 0.0, 0.0, 0.0, 0.0, 1.0, (-20.0, -20.0), 0, 0, 0.0)
    plain = FeatureAugment(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, (0.0, 0.0), 0, 0, 0.0)
    loud, quiet_ones = (
        WindowSampler(corpus, WindowConfig(), ranges, seed=1).batch(40).features[..., :64]
        for ranges in (still, plain)
    )
    assert float(loud.exp().mean()) > 30.0 * float(quiet_ones.exp().mean())
