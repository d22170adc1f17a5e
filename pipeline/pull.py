"""Fetches Whisper weights when a person asks for them; nothing else in Tacit ever does."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from huggingface_hub import HfApi, snapshot_download

from ..models.errors import ModelError
from ..models.whisper_weights import REPOSITORIES, check_whisper, models_home
from .errors import UserError

PREFIX: Final = "whisper-"
FILES: Final = ("model.bin", "config.json", "tokenizer.json", "vocabulary.json", "vocabulary.txt")
_CHUNK_BYTES: Final = 1 << 20
_ASK_S: Final = 10.0
"""A network that drops what is sent would otherwise be waited for without end."""


class PullError(UserError):
    """Weights cannot be fetched; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a published model.

    Attributes:
        name: in the repository.
        size_bytes: as published; 0 where unknown.
        sha256: as published; None for small files, which the hub does not hash so.
    """

    name: str
    size_bytes: int
    sha256: str | None


class Hub(Protocol):
    """Where models are published."""

    def files(self, repository: str) -> tuple[str, list[RemoteFile]]:
        """Exact revision and files of a repository."""

    def fetch(self, repository: str, revision: str, names: list[str], folder: Path) -> None:
        """Download files into a folder, with progress on the terminal."""


class HuggingFace:
    """The Hugging Face hub."""

    def files(self, repository: str) -> tuple[str, list[RemoteFile]]:
        """Ask for the repository's present revision."""
        info = HfApi().model_info(repository, files_metadata=True, timeout=_ASK_S)
        return str(info.sha), [_remote_file(s) for s in info.siblings or ()]

    def fetch(self, repository: str, revision: str, names: list[str], folder: Path) -> None:
        """Download with the hub's own progress bars and resumption."""
        snapshot_download(repository, revision=revision, allow_patterns=names, local_dir=folder)


def _remote_file(sibling: Any) -> RemoteFile:
    lfs = getattr(sibling, "lfs", None)
    sha256 = None if lfs is None else str(lfs.sha256)
    return RemoteFile(str(sibling.rfilename), int(sibling.size or 0), sha256)


def pull(name: str, say: Callable[[str], None], hub: Hub | None = None) -> Path:
    """Fetch a model, check its hashes, and put it where `--asr auto` finds it.

    Args:
        name: "whisper-base" and the like; see `REPOSITORIES`.
        say: told what is going on, one line at a time.
        hub: where from.

    Returns:
        the folder of the checked model; an existing usable one is kept.

    Raises:
        PullError: unknown name, no connection, or files that are not what was published.
    """
    size = name.removeprefix(PREFIX)
    if not name.startswith(PREFIX) or size not in REPOSITORIES:
        known = ", ".join(PREFIX + known for known in REPOSITORIES)
        raise PullError(f"{name}: not a model that can be pulled; known are {known}")
    target = models_home() / name
    if _usable(target):
        say(f"{target} is already there")
        return target
    hub = hub or HuggingFace()
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        revision, files = hub.files(REPOSITORIES[size])
        wanted = [file for file in files if file.name in FILES]
        total = sum(file.size_bytes for file in wanted)
        say(f"{REPOSITORIES[size]} at {revision[:12]}: {total / 1e6:.0f} MB into {target}")
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=target.parent) as partial:
            folder = Path(partial)
            hub.fetch(REPOSITORIES[size], revision, [file.name for file in wanted], folder)
            _check(folder, wanted)
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(mode=0o700)
            for file in wanted:
                (folder / file.name).rename(target / file.name)
    except PullError:
        raise
    except Exception as exc:  # the hub's client lets errors of its transport through
        first = " ".join(str(exc).split())[:160]
        raise PullError(
            f"{name}: cannot be fetched ({first}); check the connection, or bring a folder in "
            "CTranslate2 form from elsewhere and pass it with --asr PATH"
        ) from exc
    for file in wanted:
        if file.sha256 is not None:
            say(f"{file.name}: SHA-256 {file.sha256}, as published")
    say(f"{target} is ready; --asr auto finds it")
    return target


def _usable(folder: Path) -> bool:
    try:
        check_whisper(folder)
    except ModelError:
        return False
    return True


def _check(folder: Path, wanted: list[RemoteFile]) -> None:
    for file in wanted:
        if file.sha256 is None:
            continue
        digest = hashlib.sha256()
        with (folder / file.name).open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
        if digest.hexdigest() != file.sha256:
            raise PullError(f"{file.name}: not the published file; nothing was kept, pull again")
    try:
        check_whisper(folder)
    except ModelError as exc:
        raise PullError(f"what was published cannot be used: {exc}") from exc
