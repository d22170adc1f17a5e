from pathlib import Path

import pytest

from tacit.models.errors import ModelError
from tacit.models.manifest import read_manifest
from tacit.pipeline.config import Settings
from tacit.pipeline.events import MeasurementResult
from tacit.pipeline.plan import ReplayRequest
from tacit.pipeline.runner import replay
from tacit.pipeline.training.curves import Point
from tacit.pipeline.training.ledger import Finished
from tacit.pipeline.training.run import Run, Status, run_stages
from tacit.pipeline.training.settings import read_settings
from tacit.pipeline.training.stage import Place, stage_class
from tacit.pipeline.training.stages import STAGES
from tests.fakes.tiny_data import make_tiny_data

TINY = Path(__file__).resolve().parents[3] / "examples" / "train-tiny.toml"


class Seen:
    """Keeps how each stage ended."""

    def __init__(self) -> None:
        self.ends: dict[str, Status] = {}

    def begin(self, stage: str, number: int, of: int) -> None:
        assert 1 <= number <= of

    def line(self, stage: str, text: str, point: Point | None) -> None:
        assert text

    def end(self, stage: str, status: Status, finished: Finished) -> None:
        self.ends[stage] = status

    def note(self, text: str) -> None:
        assert text


def test_what_a_stage_needs_comes_before_it() -> None:
    seen: set[str] = set()
    for name, stage in STAGES.items():
        assert set(stage.needs) <= seen, name
        seen.add(name)


def test_all_shipped_checkpoints_are_written_by_a_stage() -> None:
    written = {folder for stage in STAGES.values() for folder in stage.checkpoints}
    assert {"face", "audio", "text", "fusion", "recovery"} <= written


@pytest.mark.parametrize("name", list(STAGES))
def test_a_stage_without_its_data_says_what_is_missing(name: str, tmp_path: Path) -> None:
    """Each entry reaches the real trainer, which finds nothing to read."""
    stage = STAGES[name]
    place = Place(tmp_path / "root", tmp_path / "w", tmp_path / "p", tmp_path / "cache")
    with pytest.raises(ModelError, match=str(tmp_path)):
        stage.train(place, stage_class(stage)(), lambda line: None)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_model_is_trained_from_nothing_on_a_little_real_data(
    data_root: Path, tmp_path: Path
) -> None:
    root = make_tiny_data(data_root, tmp_path / "data")
    run = Run(root, tmp_path / "out", read_settings(TINY, STAGES), tmp_path / "cache")
    seen = Seen()
    run_stages(run, STAGES, seen)
    assert seen.ends == dict.fromkeys(STAGES, "trained")
    weights = tmp_path / "out" / "weights"
    recovery = read_manifest(weights / "recovery")
    assert recovery.config["fusion"] == read_manifest(weights / "fusion").sha256
    assert 0.0 < recovery.metrics["test.audio|face.final_nll"] < 10.0
    assert (tmp_path / "out" / "curves" / "audio.jsonl").is_file()
    clip = next((root / "ravdess" / "audio").glob("*-17.flac"))
    settings = Settings(asr="off", weights=weights)
    with replay(ReplayRequest(clip, settings, inline=True)) as session:
        events = [event for event in session if isinstance(event, MeasurementResult)]
    assert events
    again = Seen()
    run_stages(run, STAGES, again)
    assert again.ends == dict.fromkeys(STAGES, "kept")
