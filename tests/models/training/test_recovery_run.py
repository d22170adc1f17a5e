from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tacit.models.checkpoint import read_manifest
from tacit.models.features import MODALITIES, FeatureWindow, Modality, PastTokens
from tacit.models.recognizer import Recognizer
from tacit.models.recovery.plan import GAPS
from tacit.models.training.gaps import GapConfig
from tacit.models.training.loop import FitConfig
from tacit.models.training.recovery import NetworkShape, RecoveryTrainingConfig
from tacit.models.training.recovery_gate import GateConfig
from tacit.models.training.recovery_run import RunConfig, train_on
from tacit.models.training.stages import StageStore
from tests.fakes.token_data import BINS, CONFIG, samples, token_data

SMALL = RunConfig(
    replace(CONFIG, distilled=0.3),
    RecoveryTrainingConfig(
        NetworkShape(latent=4, width=8, context_layers=1, decoder_layers=1, heads=2),
        GapConfig(tokens=3),
        teacher=FitConfig(30, rate=5e-3),
        student=FitConfig(10),
        refine=FitConfig(10),
        batch=16,
        student_batch=8,
        refine_batch=8,
    ),
    GateConfig(FitConfig(20, rate=1e-2), windows=40),
    samples=4,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    lines: list[str] = []
    train_on(token_data(), out / "weights", StageStore(out / "stages", lines.append), SMALL)
    assert not any("kept" in line for line in lines)
    return out


def window(present: tuple[Modality, ...], lost: frozenset[Modality]) -> FeatureWindow:
    values = {m: np.tile(samples(m, 3)[0][1], (BINS, 1)) for m in MODALITIES}
    mask = {m: np.full(BINS, m in present) for m in MODALITIES}
    past = {m: PastTokens(values[m][:2], np.array([0.6, 0.9], np.float32)) for m in lost}
    return FeatureWindow("p1", 0, BINS * 250_000_000, values, mask, {}, lost, past)


def test_both_checkpoints_work_together(trained: Path) -> None:
    recognizer = Recognizer.load(trained / "weights")
    got = recognizer.predict(window(("audio", "text"), frozenset({"face"})))
    assert got.sources["face"] in ("recovered", "absent")
    assert got.recovery is not None
    assert got.recovery.samples == 4


def test_the_manifest_holds_every_gap_and_what_was_done(trained: Path) -> None:
    manifest = read_manifest(trained / "weights" / "recovery")
    assert set(manifest.config["gaps"]) == set(GAPS)
    for gap in GAPS:
        assert f"valid.{gap}.final_nll" in manifest.metrics
        assert f"test.{gap}.final_ece" in manifest.metrics
    assert manifest.config["fusion"] == read_manifest(trained / "weights" / "fusion").sha256
    assert "cache" not in str(manifest.config)
    assert "non-commercial" in manifest.licence


def test_a_run_goes_on_where_it_was_cut(trained: Path) -> None:
    before = read_manifest(trained / "weights" / "recovery").sha256
    (trained / "stages" / "student" / "history.json").unlink()
    lines: list[str] = []
    again = train_on(
        token_data(), trained / "weights", StageStore(trained / "stages", lines.append), SMALL
    )
    kept = [line.split(":")[0] for line in lines if "kept" in line]
    assert kept == ["base", "teacher", "fusion"]
    assert again.sha256 == before
