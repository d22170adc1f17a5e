from pathlib import Path

import numpy as np
import pytest
import torch

from tacit.models import checkpoint
from tacit.models.baseline import BaselineRule
from tacit.models.baseline_store import load_baseline
from tacit.models.manifest import Manifest
from tacit.models.study import baseline as study
from tacit.models.study.baseline import Variant
from tacit.models.study.baseline_data import People
from tacit.models.training import baseline
from tacit.models.training.baseline import SHOWN, BaselineConfig, train
from tests.models.study.test_baseline_data import people

KINDS = {
    "none": Variant("none"),
    "declared, 3 clips": Variant("declared"),
    "running": Variant("running"),
    "declared + running": Variant("declared+running"),
    "transductive": Variant("transductive"),
}


def test_the_checkpoint_holds_the_training_people_and_the_chosen_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = people(20)
    data = People(found.values, found.labels, found.people + 1, found.emotions)
    monkeypatch.setattr(baseline, "token_people", lambda *_: data)
    monkeypatch.setattr(study, "VARIANTS", KINDS)
    monkeypatch.setattr(study, "JUDGED_REPEATS", 1)
    monkeypatch.setattr(study, "STRENGTHS", (0.1,))
    monkeypatch.setattr(study, "rules", lambda _: (BaselineRule(pull=0.3, scale_count=np.inf),))
    encoder = Manifest("audio", {}, [], "", "", 0, {})
    checkpoint.save(tmp_path / "audio", {"x": torch.ones(1)}, encoder)
    config = BaselineConfig(tmp_path, tmp_path / "cache")
    manifest = train(tmp_path, tmp_path / "baseline", config, lambda _: None)
    stored = load_baseline(tmp_path)
    own = study.population_of(data, np.arange(1, 15))
    np.testing.assert_allclose(stored.populations["audio"].mean, own.mean, rtol=1e-2)
    assert stored.rule == BaselineRule(pull=0.3, scale_count=np.inf)
    for name in SHOWN:
        assert 0.0 <= manifest.metrics[f"test.uar.{name}"] <= 1.0
        assert f"valid.uar.{name}" in manifest.metrics
    assert "non-commercial" in manifest.licence
