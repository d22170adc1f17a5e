"""Features of clips for training: several waveform variants per clip, computed once and cached."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from ..audio_blocks import HOP
from ..audio_features import LogMel
from ..datasets.ravdess import Clip, read_audio
from ..features import Float32
from ..prosody import Prosody
from .audio_augment import WaveAugment, vary_wave

CACHE_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """One clip as features.

    Attributes:
        clip: where it comes from.
        variants: (hops, 67) float16 each; the first is the clip as it is.
    """

    clip: Clip
    variants: tuple[np.ndarray[tuple[int, int], np.dtype[np.float16]], ...]


@dataclass(frozen=True, slots=True)
class CorpusConfig:
    """What is computed per clip.

    Attributes:
        variants: how many waveform variants beside the clip itself.
        augment: their ranges.
        seed: of the variants; a clip's own name is mixed in, so order does not matter.
    """

    variants: int = 4
    augment: WaveAugment = field(default_factory=WaveAugment)
    seed: int = 0

    def key(self) -> str:
        """Name of the cache folder of these settings."""
        return hashlib.sha256(f"{CACHE_FORMAT} {self!r}".encode()).hexdigest()[:12]


def raw_features(samples: Float32) -> Float32:
    """Log-mel and prosody of a whole recording, (hops, 67) float32."""
    return np.concatenate([LogMel().whole(samples), Prosody().whole(samples)], axis=1)


def utterance(clip: Clip, config: CorpusConfig) -> Utterance:
    """Compute one clip's variants."""
    samples = read_audio(clip.path)
    digest = hashlib.sha256(f"{config.seed} {clip.path.stem}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    waves = [samples]
    waves += [vary_wave(samples, config.augment, rng) for _ in range(config.variants)]
    return Utterance(clip, tuple(raw_features(w).astype(np.float16) for w in waves if len(w) > HOP))


def load_corpus(
    clips: Sequence[Clip],
    config: CorpusConfig,
    cache: Path | None,
    progress: Callable[[str], None],
) -> list[Utterance]:
    """Compute or read back all clips.

    Args:
        clips: in the order wanted.
        config: what is computed.
        cache: folder for the results, or None for no cache.
        progress: told now and then.
    """
    folder = cache / f"audio-{config.key()}" if cache is not None else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    loaded = []
    for count, clip in enumerate(clips, start=1):
        loaded.append(_cached(clip, config, folder))
        if count % 200 == 0:
            progress(f"features of {count} of {len(clips)} clips")
    return loaded


def _cached(clip: Clip, config: CorpusConfig, folder: Path | None) -> Utterance:
    if folder is None:
        return utterance(clip, config)
    path = folder / f"{clip.path.stem}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as stored:
            return Utterance(clip, tuple(stored[f"v{i}"] for i in range(len(stored.files))))
    made = utterance(clip, config)
    draft = path.with_suffix(".draft.npz")
    with draft.open("wb") as file:
        np.savez(file, **{f"v{i}": v for i, v in enumerate(made.variants)})
    draft.replace(path)
    return made
