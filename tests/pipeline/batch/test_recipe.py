from pathlib import Path

import pytest

from tacit.models.errors import ModelError
from tacit.pipeline.batch.inputs import BatchError, BatchInput
from tacit.pipeline.batch.recipe import Recipe, make_recipe
from tacit.pipeline.config import Settings, Windows
from tacit.pipeline.inject import InjectError

SOURCE = BatchInput(name="a.wav", path=Path("a.wav"))


def recipe(settings: Settings | None = None, **changes: str) -> Recipe:
    fields = {"model_sha256": "m", "version": "1"} | changes
    return Recipe(settings=settings or Settings(asr="off"), **fields)


def test_everything_that_changes_a_result_changes_the_fingerprint() -> None:
    known = recipe().fingerprint(SOURCE, "s")
    others = [
        recipe(Settings(windows=Windows(hop_ms=250))).fingerprint(SOURCE, "s"),
        recipe(inject="face:off").fingerprint(SOURCE, "s"),
        recipe(model_sha256="n").fingerprint(SOURCE, "s"),
        recipe(asr_sha256="w").fingerprint(SOURCE, "s"),
        recipe(version="2").fingerprint(SOURCE, "s"),
        recipe().fingerprint(SOURCE, "t"),
        recipe().fingerprint(SOURCE.model_copy(update={"participant": "p2"}), "s"),
    ]
    assert known not in others
    assert len(set(others)) == len(others)


def test_places_on_this_machine_do_not_count() -> None:
    moved = recipe(Settings(weights=Path("elsewhere"), asr="there"))
    assert moved.fingerprint(SOURCE, "s") == recipe().fingerprint(SOURCE, "s")
    assert "elsewhere" not in str(moved.facts())


def test_mistakes_are_found_before_any_input_is_read(tmp_path: Path) -> None:
    with pytest.raises(InjectError):
        make_recipe(Settings(asr="off"), "face:explode")
    with pytest.raises(ModelError, match="no checkpoint here"):
        make_recipe(Settings(weights=tmp_path))
    with pytest.raises(ModelError):
        make_recipe(Settings(asr=str(tmp_path / "none")))
    missing = Settings(asr="off").model_dump() | {"face": {"landmarker": tmp_path / "no.task"}}
    with pytest.raises(BatchError, match=r"no\.task: cannot be read"):
        make_recipe(Settings.model_validate(missing))
