"""Results on disk: one line and one array file per finished cell, safe against kills and twins.

A cell is one method on one part of one data set with one seed. Its predictions are written aside
and renamed; then its line is appended in a single write. A cell counts as finished when its line is
there, and the line comes last: a kill in between costs that cell and nothing else. Several
processes may work side by side: each takes a job's lock, which the system drops when it dies.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, order=True)
class Job:
    """Everything that shares trained networks.

    Attributes:
        study: data set and configuration, such as "ravdess".
        share: of the training labels that are known, (0, 1].
        seed: of the repetition.
        fold: of the cross-validation.
    """

    study: str
    share: float
    seed: int
    fold: int

    @property
    def name(self) -> str:
        """File name without extension."""
        return f"{self.study}-labels{round(self.share * 100)}-seed{self.seed}-fold{self.fold}"


class CellStore:
    """Finished cells of one study.

    Args:
        lines: the JSONL file, kept in the repository.
        arrays: folder of the predictions, kept out of it.
    """

    def __init__(self, lines: Path, arrays: Path) -> None:
        self._lines = lines
        self._arrays = arrays

    def finished(self) -> dict[tuple[Job, str], dict[str, Any]]:
        """All lines by job and method; a torn last line is left out.

        Raises:
            ModelError: a whole line is not a cell.
        """
        if not self._lines.is_file():
            return {}
        found = {}
        whole = self._lines.read_text(encoding="utf-8").split("\n")[:-1]
        for number, line in enumerate(whole, 1):
            try:
                fields = json.loads(line)
                job = Job(fields["study"], fields["share"], fields["seed"], fields["fold"])
                found[job, str(fields["method"])] = fields
            except (ValueError, KeyError, TypeError) as exc:
                raise ModelError(f"{self._lines}:{number}: not a cell: {exc}") from exc
        return found

    @contextlib.contextmanager
    def claimed(self, job: Job) -> Iterator[bool]:
        """Whether this process has the job to itself until the block ends."""
        self._arrays.mkdir(parents=True, exist_ok=True)
        with (self._arrays / f"{job.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def write_arrays(self, job: Job, method: str, arrays: Arrays) -> None:
        """Store the predictions of a cell alone, where its line is there already."""
        path = self._path(job, method)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{os.getpid()}.{path.name}")
        with aside.open("wb") as file:
            np.savez(file, **arrays)
        aside.replace(path)

    def write(self, job: Job, method: str, arrays: Arrays, line: Mapping[str, Any]) -> None:
        """Store a finished cell."""
        self.write_arrays(job, method, arrays)
        fields = {
            "study": job.study,
            "share": job.share,
            "seed": job.seed,
            "fold": job.fold,
            "method": method,
            **line,
        }
        self._append(json.dumps(fields) + "\n")

    def read(self, job: Job, method: str) -> dict[str, NDArray[Any]]:
        """Arrays of a finished cell.

        Raises:
            ModelError: they are gone.
        """
        path = self._path(job, method)
        try:
            with np.load(path, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (OSError, ValueError) as exc:
            raise ModelError(f"{path}: cannot be read ({exc}); run the study again") from exc

    def has_arrays(self, job: Job, method: str) -> bool:
        """Whether the predictions of a cell are on this machine."""
        return self._path(job, method).is_file()

    def _path(self, job: Job, method: str) -> Path:
        return self._arrays / job.name / f"{method}.npz"

    def _append(self, line: str) -> None:
        """Add a line in one write, after cutting off what a kill may have left half written."""
        self._lines.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._lines, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                kept = os.pread(descriptor, size, 0).rfind(b"\n") + 1
                os.ftruncate(descriptor, kept)
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
