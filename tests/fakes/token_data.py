"""Small made-up banks of tokens, for tests of fusion and recovery training."""

import numpy as np

from tacit.models.features import MODALITIES, Modality
from tacit.models.training.banks import CLASSES, Bank, ClassIndex, ItemBank, Spread
from tacit.models.training.fusion import FusionTrainingConfig
from tacit.models.training.fusion_data import Alone, DataConfig, FusionData, alone_items

BINS = 4
DIMS: dict[Modality, int] = {"audio": 8, "face": 9, "text": 7}
SPREAD = Spread(BINS, shortest=1)
CONFIG = FusionTrainingConfig(
    epochs=2,
    steps=25,
    batch=64,
    rate=5e-3,
    paired_windows=60,
    rounds=5,
    width=16,
    layers=1,
    data=DataConfig(spread=SPREAD),
)


def samples(name: Modality, seed: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Noisy points about one centre per class; the centres are the same for all seeds."""
    centres = np.random.default_rng(len(name)).normal(0, 3.0, (CLASSES, DIMS[name]))
    labels = np.tile(np.arange(CLASSES), 20)
    noise = np.random.default_rng(seed).normal(0, 1.0, (len(labels), DIMS[name]))
    return (centres[labels] + noise).astype(np.float32), labels


def token_data() -> FusionData:
    """Banks of all parts; the classes are easy to tell apart."""

    def bank(name: Modality, seed: int) -> Bank:
        values, labels = samples(name, seed)
        return ItemBank(values[:, None], ClassIndex(labels, name), SPREAD)

    def alone(name: Modality, seed: int) -> Alone:
        values, labels = samples(name, seed)
        return alone_items(name, values, labels, np.eye(7, dtype=np.float32)[labels], BINS)

    return FusionData(
        banks={
            "train": {m: bank(m, 1) for m in MODALITIES},
            "valid": {m: bank(m, 2) for m in MODALITIES},
            "test": {m: bank(m, 3) for m in MODALITIES},
        },
        alone={
            "valid": {m: alone(m, 2) for m in MODALITIES},
            "test": {m: alone(m, 3) for m in MODALITIES},
        },
        encoders={m: m * 8 for m in MODALITIES},
        priors={m: np.full(CLASSES, 1 / CLASSES) for m in MODALITIES},
    )
