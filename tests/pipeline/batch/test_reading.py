"""Reading one input after another with the shipped models."""

from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from tacit.models.errors import ModelError
from tacit.pipeline.batch.inputs import BatchInput
from tacit.pipeline.batch.parts import part_path, read_facts
from tacit.pipeline.batch.reading import Outcome, Reader, one_line
from tacit.pipeline.batch.recipe import Recipe, make_recipe
from tacit.pipeline.config import Settings, load_settings
from tests.fakes.finished import typical, write_events
from tests.fakes.media import tone, write_audio, write_both, write_video

pytestmark = pytest.mark.media


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return make_recipe(load_settings(overrides={"asr": "off"}))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> list[BatchInput]:
    """A face, a tone that comes after it, and grey pictures with another tone."""
    folder = tmp_path_factory.mktemp("media")
    with av.open(str(sample)) as container:
        first = islice(container.decode(video=0), 20)
        faces = [f.to_ndarray(format="bgr24").astype(np.uint8) for f in first]
    paths = [
        write_video(folder / "face.mp4", faces, [40 * k for k in range(len(faces))]),
        write_audio(folder / "tone.wav", tone(1.0, 16_000, 200.0)[None], 16_000),
        write_both(folder / "grey.mp4", 1),
    ]
    return [BatchInput(name=path.name, path=path) for path in paths]


def parts(recipe: Recipe, out: Path, inputs: list[BatchInput]) -> dict[str, bytes]:
    reader = Reader(recipe, out)
    for source in inputs:
        outcome = reader.read(source)
        assert outcome.status == "done", outcome.error
    reader.close()
    return {source.name: part_path(out, source).read_bytes() for source in inputs}


def test_the_order_of_inputs_does_not_matter(
    recipe: Recipe, inputs: list[BatchInput], tmp_path: Path
) -> None:
    face, sound, grey = inputs
    forward = parts(recipe, tmp_path / "forward", [face, sound, grey])
    assert parts(recipe, tmp_path / "back", [grey, sound, face]) == forward
    assert parts(recipe, tmp_path / "twice", [face, face])[face.name] == forward[face.name]


def test_an_outcome_says_what_was_read(
    recipe: Recipe, inputs: list[BatchInput], tmp_path: Path
) -> None:
    shares: list[float] = []
    outcome = Reader(recipe, tmp_path).read(inputs[1], shares.append)
    assert (outcome.status, outcome.duration_ms, outcome.windows) == ("done", 1000, 2)
    assert shares
    assert all(0 < share <= 1 for share in shares)
    facts = read_facts(tmp_path, inputs[1])
    assert facts is not None
    assert facts.fingerprint == recipe.fingerprint(inputs[1], facts.input_sha256)


def test_a_session_is_read_as_it_was_recorded(recipe: Recipe, tmp_path: Path) -> None:
    path = write_events(typical(), tmp_path / "talk.jsonl")
    outcome = Reader(recipe, tmp_path / "out").read(BatchInput(name="talk.jsonl", path=path))
    assert (outcome.status, outcome.windows) == ("done", len(typical().results))


def failed(recipe: Recipe, out: Path, path: Path) -> Outcome:
    source = BatchInput(name=path.name, path=path)
    part_path(out, source).parent.mkdir(parents=True, exist_ok=True)
    part_path(out, source).write_bytes(b"of an earlier input")
    outcome = Reader(recipe, out).read(source)
    assert outcome.status == "failed"
    assert "\n" not in outcome.error
    # The folders of a machine are nobody's business in a data set that is passed on.
    assert str(out.parent) not in outcome.error
    assert not part_path(out, source).exists()
    return outcome


@pytest.mark.parametrize("name", ["text.wav", "text.mp4", "text.mcap", "text.jsonl"])
def test_what_is_not_media_fails_in_one_line(recipe: Recipe, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("no media\n" * 10)
    assert name in failed(recipe, tmp_path / "out", tmp_path / name).error


def test_empty_and_missing_inputs_fail(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    failed(recipe, tmp_path / "out", tmp_path / "empty.wav")
    assert "No such file" in failed(recipe, tmp_path / "out", tmp_path / "none.wav").error


def test_whatever_goes_wrong_within_one_input_is_its_own(
    recipe: Recipe, inputs: list[BatchInput], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path) -> str:
        raise ZeroDivisionError("by 0")

    monkeypatch.setattr("tacit.pipeline.batch.reading.sha256_of", broken)
    outcome = Reader(recipe, tmp_path).read(inputs[1])
    assert outcome.error == "ZeroDivisionError: by 0"


def test_damage_needs_media(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "s.mcap").touch()
    damaging = recipe.model_copy(update={"inject": "face:off"})
    assert "--inject needs media" in failed(damaging, tmp_path / "out", tmp_path / "s.mcap").error


def test_models_that_cannot_be_loaded_are_not_an_inputs_fault(
    recipe: Recipe, inputs: list[BatchInput], tmp_path: Path
) -> None:
    bad = recipe.model_copy(update={"settings": Settings(asr="off", weights=tmp_path)})
    with pytest.raises(ModelError):
        Reader(bad, tmp_path / "out").read(inputs[1])


def test_long_errors_are_cut() -> None:
    assert len(one_line(ValueError("x" * 900), Path("a"))) == 300
    assert one_line(MemoryError(), Path("a")) == "MemoryError"
