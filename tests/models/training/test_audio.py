from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tacit.models.audio_encoder import StreamingAudioEncoder
from tacit.models.audio_net import AudioNet, AudioNetConfig
from tacit.models.checkpoint import read_manifest
from tacit.models.datasets.ravdess import find_clips, split_by_actor
from tacit.models.features import TokenGrid
from tacit.models.training.audio import AudioConfig, fit, fit_scale, loss_of, train
from tacit.models.training.audio_augment import FeatureAugment, WaveAugment, vary_wave
from tacit.models.training.audio_corpus import CorpusConfig, load_corpus, raw_features
from tacit.models.training.audio_evaluate import (
    Scored,
    read_features,
    read_stream,
    verdict,
    window_ends,
)
from tacit.models.training.audio_windows import WindowConfig, WindowSampler, draw_stream

TINY = AudioConfig(
    valid_actors=(3, 4),
    test_actors=(5, 6),
    epochs=24,
    batch=7,
    rate=1e-2,
    smoothing=0.0,
    check_every=7,
    average=0.8,
    net=AudioNetConfig(stem=(4, 8, 8), width=16, dilations=(1,), dim=8, dropout=0.0),
    corpus=CorpusConfig(variants=1, augment=WaveAugment(speed=0.02, reverb=0.0)),
    augment=FeatureAugment(voice_bands=0.5, noise=0.0, bands=2, hops=5),
)


def quiet(message: str) -> None:
    """A run that nobody watches."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six actors whose emotions are tones two thirds of an octave apart."""
    root = tmp_path_factory.mktemp("data")
    folder = root / "ravdess" / "audio"
    folder.mkdir(parents=True)
    t = np.arange(16_000) / 16_000
    for actor in range(1, 7):
        for code in range(2, 9):
            for take in (1,):
                hz = 250.0 * 1.6 ** (code - 2) * (1.0 + 0.01 * actor + 0.005 * take)
                tone = 0.2 * np.sin(2 * np.pi * hz * t) * (np.abs(t - 0.5) < 0.4)
                name = f"03-01-{code:02d}-01-01-{take:02d}-{actor:02d}.wav"
                soundfile.write(folder / name, tone, 16_000)
    return root


def test_a_tiny_run_learns_and_writes_a_loadable_checkpoint(root: Path, tmp_path: Path) -> None:
    said: list[str] = []
    written = train(root, tmp_path / "out", TINY, said.append, tmp_path / "cache")
    assert written.metrics["test.uar"] > 0.5  # chance is 0.14
    assert written.metrics["valid.uar_low"] <= written.metrics["valid.uar"]
    assert "non-commercial" in written.licence
    assert read_manifest(tmp_path / "out").sha256 == written.sha256
    encoder = StreamingAudioEncoder.load(tmp_path / "out")
    assert encoder.encode(np.zeros(6400, np.float32)).shape == (10, 8)
    losses = [float(s.split("train loss ")[1].split(",")[0]) for s in said if "train loss" in s]
    assert losses[-1] < losses[0]


def test_a_seed_decides_a_run(root: Path) -> None:
    config = replace(TINY, epochs=1)
    corpus = load_corpus(find_clips(root), config.corpus, None, quiet)
    runs = [fit(corpus[:14], corpus[14:21], config, quiet)[0].state_dict() for _ in range(2)]
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])


def test_the_cache_holds_what_would_be_computed(root: Path, tmp_path: Path) -> None:
    clips = find_clips(root)[:3]
    config = TINY.corpus
    fresh = load_corpus(clips, config, None, quiet)
    load_corpus(clips, config, tmp_path, quiet)
    cached = load_corpus(clips, config, tmp_path, quiet)
    for a, b in zip(fresh, cached, strict=True):
        assert len(a.variants) == len(b.variants) == 2
        assert all(np.array_equal(x, y) for x, y in zip(a.variants, b.variants, strict=True))
    assert replace(config, seed=1).key() != config.key()


def test_windows_are_what_the_network_expects(root: Path) -> None:
    corpus = load_corpus(find_clips(root)[:20], TINY.corpus, None, quiet)
    sampler = WindowSampler(corpus, WindowConfig(), FeatureAugment(), seed=3)
    for batch in sampler.batches(10, 5, windows=3):
        assert batch.features.shape[0] == len(batch.labels) == 10
        assert batch.features.shape[1] == batch.weights.shape[2] * 4
        assert torch.isfinite(batch.features).all()
        assert batch.mask.any(dim=1).all()
        assert torch.equal(batch.mask.flatten(), batch.weights.sum(dim=2).flatten() > 0)
    assert (~batch.mask).any(), "clips of 1 s cannot fill a window of 3 s"


def test_every_drawn_window_holds_a_measured_frame() -> None:
    rng = np.random.default_rng(0)
    features = raw_features((0.1 * rng.standard_normal(16_000)).astype(np.float32))
    config = WindowConfig(late_start=0.5, mask_silence=1.0, drop=1.0)
    for _ in range(200):
        stream = draw_stream(features, 3, config, FeatureAugment(), rng)
        middle = stream.frame_ns + 20_000_000
        assert ((middle >= 0) & (middle < config.grid.window_ns)).any(axis=1).all()


def test_mixed_tokens_give_a_finite_loss_with_a_gradient(root: Path) -> None:
    corpus = load_corpus(find_clips(root)[:14], TINY.corpus, None, quiet)
    model = AudioNet(TINY.net)
    fit_scale(model, corpus)
    batch = WindowSampler(corpus, TINY.windows, TINY.augment, 0).batch(8)
    config = replace(TINY, mixup=0.4)
    loss = loss_of(model, batch, config, np.random.default_rng(0))
    loss.backward()  # type: ignore[no-untyped-call]
    gradient = model.encoder.stems[0].conv.weight.grad  # type: ignore[union-attr]
    assert torch.isfinite(loss)
    assert isinstance(gradient, torch.Tensor)
    assert gradient.abs().sum() > 0


def test_fitted_scale_makes_unit_spread(root: Path) -> None:
    corpus = load_corpus(find_clips(root), TINY.corpus, None, quiet)
    model = AudioNet(TINY.net)
    fit_scale(model, corpus)
    start = model.encoder.initial_state()[0]
    variants = [torch.from_numpy(v.astype(np.float32)) for u in corpus for v in u.variants]
    scaled = torch.cat([model.encoder.normalise(v[None], start)[0][0] for v in variants])
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(67), atol=1e-2, rtol=0)
    torch.testing.assert_close(scaled.std(dim=0), torch.ones(67), atol=1e-2, rtol=0)


def test_stored_features_and_the_stream_read_a_clip_alike(root: Path) -> None:
    clips = find_clips(root)[:1]
    corpus = load_corpus(clips, TINY.corpus, None, quiet)
    torch.manual_seed(0)
    model = AudioNet(TINY.net).eval()
    fit_scale(model, corpus)
    samples, _ = soundfile.read(clips[0].path, dtype="float32")
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


def test_wave_variants_differ_and_are_seeded() -> None:
    samples = (0.1 * np.random.default_rng(0).standard_normal(8000)).astype(np.float32)
    ranges = WaveAugment(reverb=1.0, noise=1.0, low_pass=1.0)
    first = vary_wave(samples, ranges, np.random.default_rng(1))
    assert np.array_equal(first, vary_wave(samples, ranges, np.random.default_rng(1)))
    assert first.dtype == np.float32
    assert 0.84 < len(samples) / len(first) < 1.16
    assert len(first) != len(samples) or not np.allclose(first, samples)


def test_splits_of_the_default_run_are_disjoint(root: Path) -> None:
    split = split_by_actor(find_clips(root), TINY.valid_actors, TINY.test_actors)
    parts = [{c.actor for c in part} for part in (split.train, split.valid, split.test)]
    assert parts == [{1, 2}, {3, 4}, {5, 6}]
