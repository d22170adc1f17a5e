"""Runs a batch: what is done stays, the rest is read, failures are listed."""

import fcntl
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from ..config import Settings
from .cluster import RayEngine
from .engine import Engine
from .inputs import BatchError, BatchInput, find_inputs, sha256_of
from .local import LocalEngine
from .parts import FOLDER, read_facts, require_pyarrow, sweep
from .reading import Outcome, succeeded
from .recipe import Recipe, make_recipe
from .summary import EngineName, FailureList, Summary, summarize, write_summary

LOCK: Final = ".lock"


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What to read, and how.

    Attributes:
        source: a folder, or a manifest.
        out: folder of the data set; made when it is not there.
        settings: of the run.
        engine: "local" or "ray".
        jobs: most inputs read at a time.
        inject: damage specification, see `inject`.
        pattern: which files of a folder; empty for all media and sessions.
    """

    source: Path
    out: Path
    settings: Settings
    engine: EngineName = "local"
    jobs: int = 1
    inject: str = ""
    pattern: str = ""


class BatchView(Protocol):
    """Shows how a batch goes on."""

    def begin(self, inputs: list[BatchInput]) -> None:
        """These will be read."""

    def share(self, source: BatchInput, share: float) -> None:
        """So much of an input has been read, 0 to 1."""

    def ended(self, outcome: Outcome) -> None:
        """An input has been read, was read before, or failed."""


def run_batch(request: BatchRequest, view: BatchView) -> Summary:
    """Read everything that an earlier run has not read already.

    The summary is written however the run ends, also when it is interrupted.

    Raises:
        BatchError: there is nothing to read, the manifest is wrong, something is not installed,
            or the data set's folder cannot be used.
        InjectError, ConfigError, ModelError: as `make_recipe`.
    """
    require_pyarrow()
    inputs = find_inputs(request.source, request.pattern, request.out)
    recipe = make_recipe(request.settings, request.inject)
    began = time.monotonic()
    outcomes: list[Outcome] = []
    with _folder(request.out) as out, ExitStack() as stack:
        failures = FailureList(out)
        stack.callback(failures.close)
        view.begin(inputs)
        try:
            for outcome in _outcomes(request, recipe, inputs, view):
                outcomes.append(outcome)
                if outcome.status == "failed":
                    failures.add(outcome)
                view.ended(outcome)
        finally:
            sweep(out)
            summary = summarize(
                outcomes,
                len(inputs),
                recipe,
                {
                    "took_s": round(time.monotonic() - began, 3),
                    "engine": request.engine,
                    "jobs": request.jobs,
                    "other_parts": _others(out, inputs),
                },
            )
            write_summary(out, summary)
    return summary


def usable_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _outcomes(
    request: BatchRequest, recipe: Recipe, inputs: list[BatchInput], view: BatchView
) -> Iterator[Outcome]:
    pending = []
    with ThreadPoolExecutor(max(request.jobs, 1)) as pool:
        checks = pool.map(lambda source: _kept(request.out, recipe, source), inputs)
        for source, outcome in zip(inputs, checks, strict=True):
            if outcome is None:
                pending.append(source)
            else:
                yield outcome
    if not pending:
        return
    jobs = min(request.jobs, len(pending))
    kind = RayEngine if request.engine == "ray" else LocalEngine
    engine: Engine = kind(recipe, request.out.absolute(), jobs)
    try:
        yield from engine.run(pending, view.share)
    finally:
        engine.close()


def _kept(out: Path, recipe: Recipe, source: BatchInput) -> Outcome | None:
    """The outcome of an input whose part file is there and still the right one."""
    facts = read_facts(out, source)
    if facts is None:
        return None
    try:
        right = facts.fingerprint == recipe.fingerprint(source, sha256_of(source.path))
    except OSError:
        return None
    return succeeded(source, facts, "kept") if right else None


@contextmanager
def _folder(out: Path) -> Iterator[Path]:
    """The data set's folder, for this run alone."""
    try:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        (out / FOLDER).mkdir(exist_ok=True, mode=0o700)
        descriptor = os.open(out / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as exc:
        raise BatchError(f"{out}: cannot be written to: {exc.strerror}") from exc
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        os.close(descriptor)
        raise BatchError(f"{out}: another batch is writing there") from exc
    try:
        sweep(out)
        yield out
    finally:
        os.close(descriptor)


def _others(out: Path, inputs: list[BatchInput]) -> int:
    own = {f"{source.id}.parquet" for source in inputs}
    return sum(path.name not in own for path in (out / FOLDER).glob("*.parquet"))
