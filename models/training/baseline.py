"""Measures how people differ in the tokens of the audio encoder, for the weights that ship.

The face encoder has no such part: FER+ does not say who is in a picture.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from .. import checkpoint
from ..audio_encoder import StreamingAudioEncoder
from ..baseline import Floats
from ..baseline_store import KIND, StoredBaseline, as_arrays, as_config
from ..datasets.ravdess import LICENCE, Clip, find_clips, read_audio
from ..manifest import SHIPPED, Manifest, read_manifest
from ..study import baseline as study
from ..study.baseline_data import CLIP_NS, People, labelled

MODALITY: Final = "audio"
SHOWN: Final = ("none", "declared, 3 clips", "running", "declared + running", "transductive")
RULE_OF: Final = "declared + running"


NOTES: Final = (
    "Figures are of a logistic regression on mean audio tokens, not of the fusion.",
    "The encoder was trained on the same actors as the statistics: they look too much alike.",
    "The shipped fusion is trained without baselines, so that they are off unless asked for.",
    "There is none for the face: the faces it was trained on come without persons.",
)


@dataclass(frozen=True, slots=True)
class BaselineConfig:
    """Where things are, and the seed.

    Attributes:
        weights: holds the `audio` encoder.
        cache: folder for tokens.
        seed: of meetings.
    """

    weights: Path = SHIPPED
    cache: Path = Path("runs/cache")
    seed: int = 7


def clip_means(clips: Sequence[Clip], weights: Path, cache: Path) -> Floats:
    """Mean audio token of each clip, computed once per encoder.

    Args:
        clips: to encode.
        weights: folder of the audio encoder.
        cache: folder for the result.

    Returns:
        (N, D) float64.

    Raises:
        CheckpointError: the weights are missing or damaged.
    """
    path = cache / f"baseline_tokens_{read_manifest(weights).sha256[:16]}_{len(clips)}.npz"
    if not path.exists():
        encoder = StreamingAudioEncoder.load(weights)
        means = [encoder.encode(read_audio(clip.path)).mean(axis=0) for clip in clips]
        cache.mkdir(parents=True, exist_ok=True)
        aside = cache / f".{path.name}.{os.getpid()}.npz"
        np.savez(aside, values=np.stack(means))
        aside.replace(path)
    with np.load(path, allow_pickle=False) as store:
        return np.asarray(store["values"], dtype=np.float64)


def token_people(root: Path, config: BaselineConfig) -> People:
    """All clips of RAVDESS as mean tokens of the encoder, which was trained on actors 01-14.

    Raises:
        DatasetError: the data are missing or malformed.
        CheckpointError: the weights are missing or damaged.
    """
    clips = find_clips(root)
    return labelled(clips, clip_means(clips, config.weights / MODALITY, config.cache))


def train(
    root: Path, out: Path, config: BaselineConfig, progress: Callable[[str], None]
) -> Manifest:
    """Measure people, and what a baseline is worth with this encoder; write the checkpoint.

    Raises:
        ModelError: data or encoder missing or damaged.
    """
    progress("encoding clips, or reading them back")
    data = token_people(root, config)
    parts = study.official_parts(data.people)
    found = study.run(data, parts, config.seed)
    figures = study.figures(study.pooled([found]))
    chosen = found[RULE_OF]["chosen"]
    stored = StoredBaseline(
        {MODALITY: study.population_of(data, parts.train)},
        {MODALITY: read_manifest(config.weights / MODALITY).sha256},
        study.rule_of(chosen),
        CLIP_NS / 1e9,
    )
    metrics = {f"valid.uar.{name}": found[name]["chosen"]["validation_uar"] for name in SHOWN}
    metrics |= {f"test.uar.{name}": figures[name]["uar"][0] for name in SHOWN}
    manifest = Manifest(
        kind=KIND,
        config=as_config(stored),
        data=["RAVDESS speech, actors 01-14: mean audio tokens of 840 clips"],
        licence=LICENCE,
        split="statistics of actors 01-14, rule chosen on 15-16, figures on 17-20",
        seed=config.seed,
        metrics=metrics,
        notes=list(NOTES),
    )
    arrays: dict[str, Any] = {k: torch.from_numpy(v) for k, v in as_arrays(stored).items()}
    return checkpoint.save(out, arrays, manifest)
