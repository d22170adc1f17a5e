"""The whole way on real clips: acted speech in, a folder of checkpoints that a replay loads out."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tacit.models.errors import ModelError
from tacit.models.manifest import SHIPPED, read_manifest
from tacit.models.recognizer import Recognizer
from tacit.models.training.finetune import FineTuneConfig
from tacit.pipeline.config import Settings
from tacit.pipeline.events import MeasurementResult
from tacit.pipeline.plan import ReplayRequest
from tacit.pipeline.runner import replay
from tacit.pipeline.training.errors import TrainError
from tacit.pipeline.training.own_clips import OwnClips, tune_on_clips

EMOTIONS = {"03": "happiness", "05": "anger"}


@pytest.fixture(scope="module")
def clips(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight takes of two actors whom the shipped models were not trained on."""
    folder = tmp_path_factory.mktemp("clips")
    lines = ["file,label"]
    for actor in ("17", "18"):
        for code, label in EMOTIONS.items():
            for sentence in ("01", "02"):
                name = f"03-01-{code}-01-{sentence}-01-{actor}.flac"
                found = next((data_root / "ravdess" / "audio").rglob(name))
                shutil.copy(found, folder / name)
                lines.append(f"{name},{label}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def run_on(clips: Path, out: Path) -> OwnClips:
    config = FineTuneConfig(epochs=4, least_calibration_clips=2)
    return OwnClips(clips, clips / "labels.csv", out, Settings(asr="off"), config)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_clips_become_weights_that_a_replay_loads(clips: Path, tmp_path: Path) -> None:
    run = run_on(clips, tmp_path)
    lines: list[str] = []
    found = tune_on_clips(run, lines.append)
    assert found.clips["train"] == {"happiness": 3, "anger": 3}
    assert found.clips["valid"] == {"happiness": 1, "anger": 1}
    assert found.tuned.metrics["valid.loss"] <= found.tuned.metrics["valid.before_loss"] + 1e-3
    manifest = read_manifest(found.weights / "fusion")
    assert manifest.config["finetune"]["from"] == read_manifest(SHIPPED / "fusion").sha256
    assert manifest.metrics["own.valid.clips"] == 2
    assert "non-commercial" in manifest.licence or "NC" in manifest.licence
    assert json.loads((tmp_path / "report.json").read_text())["clips"]["train"]["anger"] == 3
    assert (tmp_path / "curves" / "finetune.jsonl").is_file()
    clip = next(clips.glob("*.flac"))
    settings = Settings(asr="off", weights=found.weights)
    with replay(ReplayRequest(clip, settings, inline=True)) as session:
        events = [event for event in session if isinstance(event, MeasurementResult)]
    assert events
    again = tune_on_clips(run, lines.append)
    assert read_manifest(again.weights / "fusion").sha256 == manifest.sha256
    assert Recognizer.load(again.weights).sha256 != Recognizer.load().sha256


@pytest.mark.data
def test_too_few_clips_leave_nothing_behind(clips: Path, tmp_path: Path) -> None:
    table = tmp_path / "few.csv"
    names = sorted(path.name for path in clips.glob("*.flac"))
    table.write_text(f"file,label\n{names[0]},anger\n{names[1]},happiness\n")
    run = replace(run_on(clips, tmp_path / "out"), labels=table)
    with pytest.raises(ModelError, match="at least 2 training clips in each of at least 2 classes"):
        tune_on_clips(run, lambda line: None)
    assert not (tmp_path / "out" / "weights").exists()


def test_the_weights_to_begin_with_are_not_overwritten(tmp_path: Path) -> None:
    settings = Settings(asr="off", weights=tmp_path / "weights")
    run = OwnClips(tmp_path, tmp_path / "labels.csv", tmp_path, settings)
    with pytest.raises(TrainError, match="these are the weights to begin with; give another --out"):
        tune_on_clips(run, lambda line: None)
