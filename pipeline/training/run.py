"""Runs stages one after another; what is finished is kept, what was interrupted goes on."""

import fcntl
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
import torch

from .curves import CurveLog, Point, draw_curves
from .errors import TrainError
from .ledger import Finished, Ledger, digest, hashes
from .settings import RunSettings, as_plain, configured
from .stage import Place, Stage, in_order, stage_class

LOCK_NAME: Final = "lock"
Status = Literal["kept", "trained"]


@dataclass(frozen=True, slots=True)
class Run:
    """One training run.

    Attributes:
        root: the data folder.
        out: everything that the run writes; the checkpoints are in `out/weights`.
        settings: as read.
        cache: for what can be computed again.
    """

    root: Path
    out: Path
    settings: RunSettings
    cache: Path

    @property
    def place(self) -> Place:
        """Where its stages read and write."""
        return Place(
            self.root,
            self.out / "weights",
            self.out / "parts",
            self.cache,
            self.settings.threads,
        )


class View(Protocol):
    """Is told what happens."""

    def begin(self, stage: str, number: int, of: int) -> None:
        """A stage begins."""

    def line(self, stage: str, text: str, point: Point | None) -> None:
        """A stage reports."""

    def end(self, stage: str, status: Status, finished: Finished) -> None:
        """A stage is finished."""

    def note(self, text: str) -> None:
        """Something that does not stop the run."""


def prepare(run: Run, stages: Mapping[str, Stage]) -> dict[str, Any]:
    """Read the sections of all wanted stages, so that a mistake stops the run before it begins.

    Raises:
        TrainError: a section is wrong.
    """
    made = {}
    for stage in in_order(stages, run.settings.stages):
        section = run.settings.sections.get(stage.name, {})
        where = f"{run.settings.source}: {stage.name}."
        for path in sorted(stage.fixed):
            if _holds(section, path.split(".")):
                raise TrainError(f"{where}{path}: decided by the command line, not by the settings")
        config: Any = configured(stage_class(stage), section, where)
        if run.settings.seed is not None:
            config = seeded(config, run.settings.seed, section)
        made[stage.name] = config
    return made


def seeded(config: Any, seed: int, section: Mapping[str, Any]) -> Any:
    """Settings with one seed throughout, but for those that the section says.

    Args:
        config: a stage's dataclass; its fields may be dataclasses.
        seed: the new one.
        section: what the settings file says about it.
    """
    changed: dict[str, Any] = {}
    for field in fields(config):
        value, said = getattr(config, field.name), section.get(field.name)
        if field.name == "seed" and said is None:
            changed["seed"] = seed
        elif is_dataclass(value) and field.init:
            changed[field.name] = seeded(value, seed, said or {})
    return replace(config, **changed)


def run_stages(run: Run, stages: Mapping[str, Stage], view: View) -> dict[str, Finished]:
    """Train everything that is wanted and not finished.

    Args:
        run: what and where.
        stages: the table, in order.
        view: told what happens.

    Returns:
        the finished stages by name.

    Raises:
        TrainError: wrong settings, a stage that is needed has not been trained, or another
            process trains into the same folder.
        ModelError: data are missing, or a training diverged.
    """
    configs = prepare(run, stages)
    torch.set_num_threads(run.settings.threads)
    run.out.mkdir(parents=True, exist_ok=True)
    ledger, place = Ledger(run.out), run.place
    done: dict[str, Finished] = {}
    with _alone(run.out):
        for number, (name, config) in enumerate(configs.items(), start=1):
            stage = stages[name]
            view.begin(name, number, len(configs))
            fingerprint = _fingerprint(stages, stage, config, run)
            found = ledger.read(name, place.weights, stage.checkpoints)
            if found is not None and found.fingerprint == fingerprint:
                done[name] = found
                view.end(name, "kept", found)
                continue
            done[name] = _train(stage, config, run, fingerprint, view)
            ledger.write(done[name])
            view.end(name, "trained", done[name])
    return done


def _train(stage: Stage, config: Any, run: Run, fingerprint: str, view: View) -> Finished:
    place, log = run.place, CurveLog(run.out, stage.name, fingerprint)
    _seed_everything(config)
    began = time.monotonic()
    try:
        found = stage.train(place, config, _reporter(stage.name, log, view))
    finally:
        log.close()
        _picture(log.path, view)
    files = hashes(place.weights, stage.checkpoints)
    if not files:
        raise TrainError(f"{stage.name}: the stage left no checkpoint in {place.weights}")
    took = round(time.monotonic() - began, 1)
    return Finished(stage.name, fingerprint, files, dict(found), took)


def _reporter(name: str, log: CurveLog, view: View) -> Callable[[str], None]:
    def report(text: str) -> None:
        view.line(name, text, log.line(text))

    return report


def _picture(path: Path, view: View) -> None:
    try:
        draw_curves(path)
    except TrainError as exc:
        view.note(str(exc))


def _fingerprint(stages: Mapping[str, Stage], stage: Stage, config: Any, run: Run) -> str:
    place, ledger, read = run.place, Ledger(run.out), {}
    for needed in stage.needs:
        finished = ledger.read(needed, place.weights, stages[needed].checkpoints)
        if finished is None:
            raise TrainError(
                f"{stage.name}: needs the stage {needed}, which is not finished in {run.out}; "
                f"leave `stages` out of the settings, or name {needed} too"
            )
        read[needed] = finished.identity
    kept = without(as_plain(config), stage.fixed)
    return digest({"stage": stage.name, "settings": kept, "read": read})


def without(tree: Mapping[str, Any], paths: frozenset[str], prefix: str = "") -> dict[str, Any]:
    """A tree of JSON values without what lies at some dotted paths."""
    return {
        key: without(value, paths, f"{prefix}{key}.") if isinstance(value, dict) else value
        for key, value in tree.items()
        if f"{prefix}{key}" not in paths
    }


def _holds(section: Any, path: list[str]) -> bool:
    """Whether a section says something at a path."""
    if not path:
        return True
    return (
        isinstance(section, Mapping) and path[0] in section and _holds(section[path[0]], path[1:])
    )


def _seed_everything(config: Any) -> None:
    """Stages seed their own generators; this is for what a library draws by itself."""
    seed = int(getattr(config, "seed", 0))
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the run's folder; the system lets go of it when this process ends, however it ends."""
    with (out / LOCK_NAME).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise TrainError(f"{out}: another process trains into this folder") from exc
        yield
