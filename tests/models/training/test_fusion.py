from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tacit.models.calibration import PATTERNS
from tacit.models.checkpoint import read_manifest
from tacit.models.errors import CheckpointError
from tacit.models.features import MODALITIES, FeatureWindow, Modality
from tacit.models.fusion import Reader
from tacit.models.recognizer import Recognizer
from tacit.models.training.banks import CLASSES, Bank, ClassIndex, ItemBank, Spread
from tacit.models.training.fusion import FusionTrainingConfig, as_stored, fit, train, train_on
from tacit.models.training.fusion_data import Alone, DataConfig, FusionData, alone_items
from tacit.models.training.pairing import shared_prior

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


@pytest.fixture(scope="module")
def data() -> FusionData:
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


@pytest.fixture(scope="module")
def folder(data: FusionData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("weights")
    train_on(data, out / "fusion", CONFIG, lambda line: None)
    return out


def test_it_learns_every_pattern(folder: Path) -> None:
    metrics = read_manifest(folder / "fusion").metrics
    for name, present in PATTERNS.items():
        figure = f"test.{name}.uar" if len(present) == 1 else f"test.{name}.paired.uar"
        assert metrics[figure] > 0.7, figure


def test_the_manifest_says_what_was_done(folder: Path) -> None:
    manifest = read_manifest(folder / "fusion")
    assert manifest.config["encoders"] == {m: m * 8 for m in MODALITIES}
    assert set(manifest.config["calibration"]["temperatures"]) == set(PATTERNS)
    assert "cache" not in manifest.config["training"]
    assert manifest.metrics["valid.face.encoder_accuracy"] == 1.0
    assert 0.85 <= manifest.metrics["valid.text.coverage"] <= 1.0
    assert "Class-paired" in (folder / "fusion" / "card.md").read_text()
    assert "non-commercial" in manifest.licence


def test_the_recognizer_reads_what_was_trained(folder: Path) -> None:
    recognizer = Recognizer.load(folder)
    values, labels = samples("face", 3)
    right = 0
    for row, label in zip(values[:70], labels[:70], strict=True):
        window = FeatureWindow(
            "p1", 0, 1, {"face": np.tile(row, (BINS, 1))}, {"face": np.ones(BINS, bool)}, {}
        )
        right += int(recognizer.predict(window).probabilities.argmax()) == label
    expected = read_manifest(folder / "fusion").metrics["test.face.accuracy"]
    assert right / 70 == pytest.approx(expected, abs=0.1)


def test_the_same_seed_gives_the_same_weights(data: FusionData) -> None:
    short = replace(CONFIG, epochs=1, steps=3, paired_windows=10)
    prior = shared_prior([data.priors[m] for m in MODALITIES], 1.0)
    one, two = (fit(data, prior, short, lambda line: None).net for _ in range(2))
    pairs = zip(one.state_dict().values(), two.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_readers_are_standardised(data: FusionData) -> None:
    short = replace(CONFIG, epochs=1, steps=1, paired_windows=10)
    prior = shared_prior([data.priors[m] for m in MODALITIES], 1.0)
    net = fit(data, prior, short, lambda line: None).net
    reader = net.readers["text"]
    assert isinstance(reader, Reader)
    values, _ = samples("text", 1)
    tokens = torch.from_numpy(values[:, None])
    z = reader.standardise(tokens, torch.ones(len(values), 1, dtype=torch.bool))
    assert z.mean().abs() < 0.1
    assert z.std() == pytest.approx(1.0, abs=0.1)


def test_stored_weights_are_half_precision(data: FusionData) -> None:
    short = replace(CONFIG, epochs=1, steps=1, paired_windows=10)
    prior = shared_prior([data.priors[m] for m in MODALITIES], 1.0)
    net = fit(data, prior, short, lambda line: None).net
    again = as_stored(net).state_dict()
    assert all(torch.equal(t, again[name]) for name, t in net.state_dict().items())


def test_missing_encoders_are_named(tmp_path: Path) -> None:
    config = replace(CONFIG, weights=tmp_path, cache=tmp_path)
    with pytest.raises(CheckpointError, match="audio"):
        train(tmp_path, tmp_path / "fusion", config, lambda line: None)
