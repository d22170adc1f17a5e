"""Small made-up pairs: two modalities that show one class, each with its own noise."""

import numpy as np

from tacit.models.zoo.interface import FitConfig
from tacit.models.zoo.samples import Samples

QUICK = FitConfig(
    classes=3, token=6, hidden=12, width=8, epochs=12, tune_epochs=3, batch=32, rate=1e-2,
    dropout=0.1,
)  # fmt: skip


def make_pairs(count: int = 90, seed: int = 0, noise: float = 0.6) -> Samples:
    """`count` samples of 3 classes and 6 groups; audio has 5 features, the face 4."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    centres = np.random.default_rng(99).normal(size=(3, 9)) * 1.5
    both = centres[labels] + rng.normal(scale=noise, size=(count, 9))
    there = np.ones((count, 1), dtype=np.bool_)
    return Samples(
        {
            "audio": both[:, None, :5].astype(np.float32),
            "face": both[:, None, 5:].astype(np.float32),
        },
        {"audio": there, "face": there},
        labels.astype(np.int64),
        (np.arange(count) // 3 % 6).astype(np.int64),
    )
