import shutil
from pathlib import Path

import pytest

from tacit.models.errors import ModelError
from tacit.models.transcriber_weights import load_whisper
from tacit.models.whisper_weights import (
    REPOSITORIES,
    check_whisper,
    find_whisper,
    locate_whisper,
    models_home,
    resolve_whisper,
)
from tests.fakes.tiny_whisper import build_tiny_whisper


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_whisper(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture
def weights(built: Path, tmp_path: Path) -> Path:
    """A whole model that a test may damage."""
    return shutil.copytree(built, tmp_path / "copy")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine on which nothing was ever fetched."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tacit.models.whisper_weights.try_to_load_from_cache", lambda *_: None)
    return tmp_path


def test_a_whole_model_loads(built: Path) -> None:
    assert check_whisper(built) == built
    assert resolve_whisper(str(built)).path == built
    load_whisper(str(built))


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_a_missing_file_is_named(weights: Path, name: str) -> None:
    (weights / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing"):
        load_whisper(str(weights))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_broken_json_is_named(weights: Path, name: str) -> None:
    (weights / name).write_text("{")
    with pytest.raises(ModelError, match=f"{name}: not readable as JSON"):
        load_whisper(str(weights))


@pytest.mark.parametrize(
    "content",
    [b"", b"\x06\x00", b"not a model at all, but long enough", b"\xff" * 64],
    ids=["empty", "stub", "text", "ones"],
)
def test_a_file_that_is_no_model_is_refused(weights: Path, content: bytes) -> None:
    (weights / "model.bin").write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.bin: not a Whisper model"):
        load_whisper(str(weights))


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_truncated_model_is_refused(weights: Path, share: float) -> None:
    whole = (weights / "model.bin").read_bytes()
    (weights / "model.bin").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelError, match="cannot be opened"):
        load_whisper(str(weights))


def test_a_known_name_without_weights_says_how_to_get_them(bare: Path) -> None:
    with pytest.raises(ModelError, match="no Whisper weights for 'base' on this machine") as caught:
        load_whisper("base")
    assert "tacit models pull whisper-base" in str(caught.value)
    assert "--asr PATH" in str(caught.value)
    choice = resolve_whisper("base")
    assert choice.reason == "no Whisper weights for 'base' on this machine"
    assert choice.remedy == "run `tacit models pull whisper-base`, or pass --asr PATH"


def test_an_unknown_name_lists_the_known_ones(bare: Path) -> None:
    with pytest.raises(ModelError, match="neither a folder") as caught:
        load_whisper(str(bare / "nowhere"))
    assert all(name in str(caught.value) for name in REPOSITORIES)


def test_a_file_is_no_folder(built: Path) -> None:
    with pytest.raises(ModelError, match="not a folder"):
        locate_whisper(str(built / "model.bin"))


def test_auto_finds_what_was_fetched(bare: Path, built: Path) -> None:
    assert find_whisper() is None
    choice = resolve_whisper("auto")
    assert choice.path is None
    assert choice.reason
    assert "models pull" in choice.remedy
    shutil.copytree(built, models_home() / "whisper-tiny")
    assert find_whisper() == models_home() / "whisper-tiny"
    assert resolve_whisper("auto").path == resolve_whisper("tiny").path


def test_the_hub_cache_is_searched(
    bare: Path, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tacit.models.whisper_weights.try_to_load_from_cache",
        lambda repo, name: str(built / name) if repo.endswith("-small") else None,
    )
    assert find_whisper() == built


def test_off_is_a_choice() -> None:
    choice = resolve_whisper("off")
    assert choice.path is None
    assert "switched off" in choice.reason
