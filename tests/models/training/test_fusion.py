from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tacit.models.calibration import PATTERNS
from tacit.models.checkpoint import read_manifest
from tacit.models.errors import CheckpointError
from tacit.models.features import MODALITIES, FeatureWindow
from tacit.models.fusion import Reader
from tacit.models.recognizer import Recognizer
from tacit.models.training.fusion import fit, train, train_on
from tacit.models.training.fusion_data import FusionData
from tacit.models.training.loop import as_stored
from tacit.models.training.pairing import shared_prior
from tests.fakes.token_data import BINS, CONFIG, samples, token_data


@pytest.fixture(scope="module")
def data() -> FusionData:
    return token_data()


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
