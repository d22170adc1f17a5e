"""Text tokens of GoEmotions comments that carry one of the seven classes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..datasets import goemotions
from ..features import Float32
from ..text_encoder import TextEncoder
from .banks import Ints
from .text_fit import as_spoken

BATCH = 512


@dataclass(frozen=True, slots=True, eq=False)
class Comments:
    """Encoded comments with exactly one class.

    Attributes:
        tokens: (N, D) float32, as published.
        spoken: (N, D) float32, without capitals and punctuation, as a transcriber may give them.
        probabilities: (N, 7) float32, what the encoder's own head says to the published form.
        labels: (N,) int64.
    """

    tokens: Float32
    spoken: Float32
    probabilities: Float32
    labels: Ints


def comments(root: Path, split: goemotions.Split, encoder: TextEncoder) -> Comments:
    """Encode one split.

    Raises:
        DatasetError: the files are missing or malformed.
    """
    data = goemotions.load(root, split)
    single = np.flatnonzero(data.targets.sum(axis=1) == 1)
    texts = [data.texts[i] for i in single]
    return Comments(
        _encode(encoder, texts),
        _encode(encoder, [as_spoken(text) for text in texts]),
        np.concatenate(
            [encoder.probabilities_batch(texts[k : k + BATCH]) for k in range(0, len(texts), BATCH)]
        ),
        np.asarray(data.targets[single].argmax(axis=1), dtype=np.int64),
    )


def _encode(encoder: TextEncoder, texts: list[str]) -> Float32:
    parts = [encoder.encode_batch(texts[k : k + BATCH]) for k in range(0, len(texts), BATCH)]
    return np.concatenate(parts).astype(np.float32)
