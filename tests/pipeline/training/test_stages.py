from pathlib import Path

import pytest

from tacit.models.errors import ModelError
from tacit.pipeline.training.stage import Place, stage_class
from tacit.pipeline.training.stages import STAGES


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
