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
from tacit.models.training.audio import (
    AudioConfig,
    Course,
    fit,
    fit_courses,
    fit_scale,
    loss_of,
    train,
)
from tacit.models.training.audio_augment import FeatureAugment, WaveAugment
from tacit.models.training.audio_corpus import CorpusConfig, load_corpus
from tacit.models.training.audio_windows import WindowSampler

TINY = AudioConfig(
    before=(),
    valid_actors=(3, 4),
    test_actors=(5, 6),
    epochs=16,
    batch=7,
    rate=1e-2,
    smoothing=0.0,
    average=0.8,
    net=AudioNetConfig(stem=(4, 8, 8), width=16, dilations=(1,), dim=8, dropout=0.0),
    corpus=CorpusConfig(variants=1, augment=WaveAugment(speed=0.02, damage=0.2, worst=1)),
    augment=FeatureAugment(voice_bands=0.5, noise=0.0, babble=0.0, bands=2, hops=5),
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
    assert {"test.uar_snr20", "test.uar_snr10", "test.uar_snr0"} <= set(written.metrics)
    assert read_manifest(tmp_path / "out").sha256 == written.sha256
    encoder = StreamingAudioEncoder.load(tmp_path / "out")
    assert encoder.encode(np.zeros(6400, np.float32)).shape == (10, 8)
    losses = [float(s.split("train loss ")[1].split(",")[0]) for s in said if "train loss" in s]
    assert losses[-1] < losses[0]


def test_a_seed_decides_a_run(root: Path) -> None:
    config = replace(TINY, epochs=1)
    corpus = load_corpus(find_clips(root), config.corpus, None, quiet)
    runs = [fit(corpus[:14], config, quiet).state_dict() for _ in range(2)]
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])


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


def test_a_pupil_follows_its_teachers(root: Path) -> None:
    corpus = load_corpus(find_clips(root)[:14], TINY.corpus, None, quiet)
    model, teacher = AudioNet(TINY.net).eval(), AudioNet(TINY.net).eval()
    fit_scale(model, corpus)
    batch = WindowSampler(corpus, TINY.windows, TINY.augment, 0).batch(8)
    with torch.no_grad():
        teacher.head.short.bias[3] += 50.0  # is sure of one emotion whatever it hears
        model.head.short.bias[3] += 50.0
    rng = np.random.default_rng(0)
    losses = [
        float(loss_of(model, batch, replace(TINY, taught=taught), rng, [teacher]).detach())
        for taught in (0.0, 1.0)
    ]
    assert losses[1] < 1e-3 < losses[0]


def test_teachers_are_trained_first_and_change_the_pupil(root: Path) -> None:
    config = replace(TINY, epochs=1)
    clips = find_clips(root)[:14]
    said: list[str] = []
    taught = fit_courses(clips, replace(config, teachers=2), None, said.append).state_dict()
    plain = fit_courses(clips, config, None, quiet).state_dict()
    assert [s for s in said if s.startswith("teacher")] == ["teacher 1 of 2", "teacher 2 of 2"]
    assert not all(torch.equal(taught[name], plain[name]) for name in plain)


def test_a_course_goes_on_from_the_one_before(root: Path) -> None:
    clips = find_clips(root)[:14]
    config = replace(TINY, epochs=1, rate=1e-9)  # so slow that nothing but the start is left
    first = Course(6, 1e-2, TINY.corpus, TINY.augment)
    said: list[str] = []
    before = fit_courses(clips, replace(TINY, epochs=6), None, quiet).state_dict()
    after = fit_courses(clips, replace(config, before=(first,)), None, said.append).state_dict()
    assert [s.split(":")[0] for s in said] == [f"epoch {k}" for k in (1, 2, 3, 4, 5, 6, 1)]
    for name, value in before.items():
        if "norm" not in name:
            torch.testing.assert_close(after[name], value, atol=1e-4, rtol=1e-3)


def test_fitted_scale_makes_unit_spread(root: Path) -> None:
    corpus = load_corpus(find_clips(root), TINY.corpus, None, quiet)
    model = AudioNet(TINY.net)
    fit_scale(model, corpus)
    start = model.encoder.initial_state()[0]
    variants = [torch.from_numpy(v.astype(np.float32)) for u in corpus for v in u.variants]
    scaled = torch.cat([model.encoder.normalise(v[None], start)[0][0] for v in variants])
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(67), atol=1e-2, rtol=0)
    torch.testing.assert_close(scaled.std(dim=0), torch.ones(67), atol=1e-2, rtol=0)


def test_splits_of_the_default_run_are_disjoint(root: Path) -> None:
    split = split_by_actor(find_clips(root), TINY.valid_actors, TINY.test_actors)
    parts = [{c.actor for c in part} for part in (split.train, split.valid, split.test)]
    assert parts == [{1, 2}, {3, 4}, {5, 6}]
