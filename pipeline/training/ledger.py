"""What has been trained: one small file per finished stage, written after everything else.

A stage counts as finished when its file is there, was written for the same settings and inputs, and
the checkpoint still has the bytes that it names. A run that is killed at any moment leaves either
the file or none; so the next run does a stage again, or doesn't, and never trusts half of one.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = "stages"


@dataclass(frozen=True, slots=True)
class Finished:
    """A stage that is done.

    Attributes:
        name: of the stage.
        fingerprint: of its settings and of what it read.
        files: SHA-256 by path below the folder of the weights.
        figures: by name.
        took_s: duration of the last attempt.
    """

    name: str
    fingerprint: str
    files: Mapping[str, str]
    figures: Mapping[str, float]
    took_s: float

    @property
    def identity(self) -> str:
        """One hash over the checkpoint, for the stages that read it."""
        return digest(sorted(self.files.items()))


class Ledger:
    """The finished stages of one run's folder.

    Args:
        out: folder of the run.
    """

    def __init__(self, out: Path) -> None:
        self._folder = out / FOLDER

    def read(self, name: str, weights: Path, checkpoints: tuple[str, ...]) -> Finished | None:
        """A finished stage whose checkpoints are unchanged, or None."""
        try:
            found = Finished(**json.loads((self._folder / f"{name}.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        return found if found.files == hashes(weights, checkpoints) else None

    def write(self, finished: Finished) -> None:
        """Note a stage as finished, in one step that a kill cannot split."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{finished.name}.json"
        write_whole(path, json.dumps(asdict(finished), indent=2) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader finds the old content or the new one, never a part."""
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def hashes(weights: Path, checkpoints: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of each file of some checkpoints, by path below `weights`."""
    files = sorted(
        path for name in checkpoints for path in (weights / name).rglob("*") if path.is_file()
    )
    return {
        path.relative_to(weights).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def digest(facts: Any) -> str:
    """SHA-256 of JSON values."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
