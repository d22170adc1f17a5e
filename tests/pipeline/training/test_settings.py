from pathlib import Path

import pytest

from tacit.pipeline.training.errors import TrainError
from tacit.pipeline.training.settings import RunSettings, as_plain, configured, read_settings
from tacit.pipeline.training.stage import stage_class
from tacit.pipeline.training.stages import STAGES
from tests.fakes.training_stages import Inner, SmallConfig

KNOWN = ("one", "two")


def written(folder: Path, text: str) -> Path:
    path = folder / "train.toml"
    path.write_text(text)
    return path


def test_without_a_file_everything_is_default() -> None:
    assert read_settings(None, KNOWN) == RunSettings()


def test_general_settings_and_sections_are_told_apart(tmp_path: Path) -> None:
    path = written(tmp_path, 'seed = 7\nthreads = 2\nstages = ["two"]\n[two]\nepochs = 3\n')
    found = read_settings(path, KNOWN)
    assert (found.seed, found.threads, found.stages) == (7, 2, ("two",))
    assert found.sections == {"two": {"epochs": 3}}
    assert found.source == str(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("three = 1", r"train\.toml: three: unknown key; known here: seed, threads, stages, one"),
        ("one = 1", r"train\.toml: one: a section wanted, got 1"),
        ('seed = "x"', r"train\.toml: seed: .*integer"),
        ('stages = ["three"]', r"train\.toml: stages: 'three' is none of one, two"),
        ("threads = 0", r"train\.toml: threads: 0, 1 or more wanted"),
        ("= 1", r"train\.toml: not a readable TOML file"),
    ],
)
def test_a_mistake_is_named_by_its_path(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=message):
        read_settings(written(tmp_path, text), KNOWN)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"nowhere\.toml: no such settings file"):
        read_settings(tmp_path / "nowhere.toml", KNOWN)


def test_a_section_keeps_the_defaults_of_what_it_leaves_out() -> None:
    made = configured(SmallConfig, {"epochs": 5, "inner": {"sizes": [4]}}, "f: ")
    assert made == SmallConfig(epochs=5, inner=Inner(rate=0.5, sizes=(4,)))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"epoch": 1}, "f: epoch: unknown key; known here: cache, epochs, inner, seed"),
        ({"inner": {"rat": 1}}, "f: inner.rat: unknown key"),
        ({"inner": 3}, "f: inner: a section wanted, got 3"),
        ({"inner": {"rate": "fast"}}, r"f: inner.rate: .* \(got 'fast'\)"),
        ({"epochs": 101}, "f:.* epochs are 100 at most"),
    ],
)
def test_a_wrong_section_is_named_by_its_path(section: dict[str, object], message: str) -> None:
    with pytest.raises(TrainError, match=message):
        configured(SmallConfig, section, "f: ")


@pytest.mark.parametrize("name", list(STAGES))
def test_an_empty_section_leaves_every_real_stage_at_its_defaults(name: str) -> None:
    kind = stage_class(STAGES[name])
    assert as_plain(configured(kind, {}, "f: ")) == as_plain(kind())


def test_plain_values_are_json() -> None:
    assert as_plain(SmallConfig()) == {
        "epochs": 2,
        "seed": 0,
        "inner": {"rate": 0.5, "sizes": [1, 2]},
        "cache": "",
    }
    assert as_plain({"a": Path("b")}) == {"a": "b"}
