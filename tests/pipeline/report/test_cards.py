from pathlib import Path

import pytest
import torch

from tacit.models.checkpoint import Manifest, save
from tacit.models.manifest import combined_hash, read_manifest
from tacit.pipeline.events import ModelRef
from tacit.pipeline.report.cards import cards_of

KINDS = ("face", "audio", "text", "fusion")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    for kind in KINDS:
        figures = {"test.accuracy": 0.5, "valid.accuracy": 0.9}
        manifest = Manifest(kind, {}, [f"{kind} data"], "research use", "own", 0, figures)
        save(tmp_path / kind, {"w": torch.full((1,), float(KINDS.index(kind)))}, manifest)
    return tmp_path


def model(weights: Path) -> ModelRef:
    hashes = {kind: read_manifest(weights / kind).sha256 for kind in KINDS}
    return ModelRef(id="tacit-x", sha256=combined_hash(hashes))


def test_the_cards_of_the_models_that_made_the_session(weights: Path) -> None:
    found = cards_of(model(weights), weights)
    assert {card.kind for card in found} == set(KINDS)
    assert found[0].licence == "research use"
    assert found[0].figures == {"accuracy": 0.5}  # of the test part only


def test_no_card_of_other_models(weights: Path, tmp_path: Path) -> None:
    assert cards_of(ModelRef(id="other", sha256="0" * 64), weights) == []
    assert cards_of(None, weights) == []
    assert cards_of(model(weights), tmp_path / "nowhere") == []
