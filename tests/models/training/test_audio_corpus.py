from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from tacit.models.datasets.ravdess import Clip, parse_clip
from tacit.models.training.audio_corpus import CorpusConfig, load_corpus, raw_features


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


def test_the_cache_holds_what_would_be_computed(tmp_path: Path) -> None:
    listed = clips(tmp_path)[:3]
    config = CorpusConfig(variants=1)
    fresh = load_corpus(listed, config, None, quiet)
    load_corpus(listed, config, tmp_path / "cache", quiet)
    cached = load_corpus(listed, config, tmp_path / "cache", quiet)
    for a, b in zip(fresh, cached, strict=True):
        assert len(a.variants) == len(b.variants) == 2
        assert all(np.array_equal(x, y) for x, y in zip(a.variants, b.variants, strict=True))
    assert replace(config, seed=1).key() != config.key()


def test_the_first_variant_is_the_clip_itself(tmp_path: Path) -> None:
    clip = clips(tmp_path)[0]
    stored = load_corpus([clip], CorpusConfig(variants=1), None, quiet)[0]
    samples, _ = soundfile.read(clip.path, dtype="float32")
    assert np.array_equal(stored.variants[0], raw_features(samples).astype(np.float16))


def test_order_does_not_change_a_variant(tmp_path: Path) -> None:
    listed, config = clips(tmp_path)[:2], CorpusConfig(variants=1)
    ahead = load_corpus(listed, config, None, quiet)[1]
    alone = load_corpus(listed[1:], config, None, quiet)[0]
    assert np.array_equal(ahead.variants[1], alone.variants[1])
