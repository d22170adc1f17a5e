"""Made-up takes: people with a voice and some with a face, whose class shows in both."""

import numpy as np

from tacit.models.study.streams_tokens import AUDIO_DIM, FACE_DIM, Takes

FACED = (1, 2, 3, 4, 5)
CLASSES = 7


def made_up_takes(people: int = 15, repeats: int = 2, seed: int = 0) -> Takes:
    """Every person shows every class `repeats` times; the first five have a face."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(CLASSES), people * repeats)
    owner = np.repeat(np.arange(1, people + 1), CLASSES * repeats)
    lengths = rng.integers(11, 16, len(labels))
    bins_of = np.repeat(np.arange(len(labels)), lengths)
    voices, faces = rng.normal(0, 2, (people + 1, AUDIO_DIM)), rng.normal(0, 1, (6, FACE_DIM))
    audio = rng.normal(0, 1, (len(bins_of), AUDIO_DIM)) + voices[owner[bins_of]]
    audio[np.arange(len(bins_of)), labels[bins_of]] += 4.0
    seen = owner[bins_of] <= len(FACED)
    face = rng.normal(0, 1, (len(bins_of), FACE_DIM)) + faces[np.minimum(owner[bins_of], 5)]
    face[np.arange(len(bins_of)), labels[bins_of]] += 4.0
    face[~seen] = 0.0
    return Takes(
        audio.astype(np.float32),
        face.astype(np.float32),
        seen,
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        labels.astype(np.int64),
        owner.astype(np.int64),
    )
