import hashlib
import shutil
from pathlib import Path

import pytest
from huggingface_hub import ModelInfo

from tacit.models.whisper_weights import find_whisper
from tacit.pipeline import pull as module
from tacit.pipeline.pull import PullError, RemoteFile, pull
from tests.fakes.tiny_whisper import build_tiny_whisper


class Published:
    """A hub on disk that can hand out another file than it has published."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fetched = 0
        self.damage = ""

    def files(self, repository: str) -> tuple[str, list[RemoteFile]]:
        assert repository == "Systran/faster-whisper-base"
        return "0123456789abcdef", [
            RemoteFile(
                path.name,
                path.stat().st_size,
                hashlib.sha256(path.read_bytes()).hexdigest() if path.name == "model.bin" else None,
            )
            for path in self.folder.iterdir()
        ]

    def fetch(self, repository: str, revision: str, names: list[str], folder: Path) -> None:
        self.fetched += 1
        for name in names:
            shutil.copy(self.folder / name, folder / name)
        if self.damage:
            content = bytearray((folder / self.damage).read_bytes())
            content[-1] ^= 1
            (folder / self.damage).write_bytes(content)


class Unplugged(Published):
    def files(self, repository: str) -> tuple[str, list[RemoteFile]]:
        raise ConnectionError("no route to host")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "cache" / "tacit" / "models"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_whisper(tmp_path_factory.mktemp("published") / "model")


def test_a_pulled_model_is_checked_and_found_from_then_on(home: Path, model: Path) -> None:
    said: list[str] = []
    hub = Published(model)
    folder = pull("whisper-base", said.append, hub)
    assert folder == home / "whisper-base"
    assert find_whisper() == folder
    assert "MB into" in said[0]
    assert "0123456789ab" in said[0]
    digest = hashlib.sha256((folder / "model.bin").read_bytes()).hexdigest()
    assert f"model.bin: SHA-256 {digest}, as published" in said
    pull("whisper-base", said.append, hub)
    assert hub.fetched == 1
    assert said[-1].endswith("already there")


def test_a_file_that_is_not_the_published_one_leaves_nothing(home: Path, model: Path) -> None:
    hub = Published(model)
    hub.damage = "model.bin"
    with pytest.raises(PullError, match=r"model\.bin: not the published file"):
        pull("whisper-base", lambda line: None, hub)
    assert list(home.iterdir()) == []
    hub.damage = ""
    assert pull("whisper-base", lambda line: None, hub).is_dir()


def test_unknown_names_and_a_missing_connection_are_one_clear_error(
    home: Path, model: Path
) -> None:
    with pytest.raises(PullError, match="known are whisper-base, "):
        pull("base", lambda line: None, Published(model))
    with pytest.raises(
        PullError,
        match=r"whisper-base: cannot be fetched .*connection, or bring a folder .*--asr PATH",
    ):
        pull("whisper-base", lambda line: None, Unplugged(model))


def test_the_hub_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    class Api:
        def model_info(self, repository: str, **options: object) -> ModelInfo:
            asked.update(options)
            return ModelInfo(id=repository, sha="abc", siblings=[])  # type: ignore[no-untyped-call]

    monkeypatch.setattr(module, "HfApi", Api)
    assert module.HuggingFace().files("Systran/faster-whisper-base") == ("abc", [])
    assert asked["timeout"] == 10.0
