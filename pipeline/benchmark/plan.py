"""What a comparison is asked to do, and the settings that its folder remembers."""

import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, cast

from ...models.benchmark.catalogue import CATALOGUE, fit, names_of
from ...models.benchmark.protocols import ALL_RATES, protocols_of
from ...models.benchmark.sets import Loader, Source, profile_of, set_of
from ...models.checkpoint import SHIPPED
from ...models.errors import ModelError
from ...models.study.cells import CellStore, Job
from ...models.study.workbench import Build, Workbench
from ...models.zoo.interface import Recogniser
from .errors import BenchmarkError

Training = Literal["one", "per-rate"]

CELLS: Final = "cells.jsonl"
ARRAYS: Final = "arrays"
SETTINGS: Final = "settings.json"
EVERY_LABEL: Final = 1.0
FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Request:
    """A comparison.

    Attributes:
        data: name of the data set.
        root: where it is.
        models: names, comma-separated; FILE.py:CLASS for one's own; or all.
        protocol: names, comma-separated, or all.
        profile: quick or full.
        seeds: how many, from 0.
        jobs: processes.
        out: folder of the results.
        cache: folder for audio statistics.
        training: one model for all rates, or one per rate.
        sha256: demanded of one's own data file.
        unchecked: takes other data files than the published tables were made from.
    """

    data: str
    root: str
    models: str
    protocol: str
    profile: str
    seeds: int
    jobs: int
    out: str
    cache: str
    training: Training = "one"
    sha256: str | None = None
    unchecked: bool = False

    def to_json(self) -> str:
        """For a worker."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Request":
        """Undoes `to_json`."""
        return cls(**json.loads(text))

    def store(self) -> CellStore:
        """Finished cells."""
        return CellStore(Path(self.out) / CELLS, Path(self.out) / ARRAYS)

    def source(self) -> Source:
        """Where the data are."""
        return Source(Path(self.root), Path(self.cache), self.sha256, self.unchecked)

    def names(self) -> list[str]:
        """Models in the order of the list.

        Raises:
            ModelError: an unknown name, or one that does not fit the data.
        """
        own = [word for word in self.models.split(",") if ".py:" in word]
        rest = ",".join(word for word in self.models.split(",") if ".py:" not in word)
        known = names_of(rest, len(set_of(self.data).modalities)) if rest or not own else []
        return [*known, *(own_name(word) for word in own)]

    def builds(self) -> dict[str, Build]:
        """Models by name."""
        own = {own_name(w): w for w in self.models.split(",") if ".py:" in w}
        return {
            name: own_build(own[name]) if name in own else CATALOGUE[name].build
            for name in self.names()
        }

    def rates(self) -> tuple[float | None, ...]:
        """Missing rates that models are trained for; None is one model for all."""
        return (None,) if self.training == "one" else ALL_RATES

    def study(self, rate: float | None) -> str:
        """First part of a job's name."""
        return self.data if rate is None else f"{self.data}@{rate:.1f}"

    def jobs_of(self) -> list[tuple[Job, float | None]]:
        """All jobs, seed by seed, with the rate that each trains for."""
        known, profile = set_of(self.data), profile_of(self.profile)
        folds = min(known.folds, profile.folds or known.folds)
        return [
            (Job(self.study(rate), EVERY_LABEL, seed, fold), rate)
            for seed in range(self.seeds)
            for rate in self.rates()
            for fold in range(folds)
        ]


def own_name(word: str) -> str:
    """Name of a user's model in tables and file names."""
    file, _, kind = word.strip().partition(":")
    return f"{Path(file).stem}.{kind}"


def own_build(word: str) -> Build:
    """Import a user's model from FILE.py:CLASS.

    Raises:
        BenchmarkError: no such file or class, or the class is no model.
    """
    file, _, kind = word.strip().partition(":")
    path = Path(file)
    if not path.is_file():
        raise BenchmarkError(f"{path}: no such file; a model of your own is FILE.py:CLASS")
    spec = importlib.util.spec_from_file_location(f"tacit_own_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    made = getattr(module, kind, None)
    if made is None or not all(hasattr(made, n) for n in ("fit", "predict", "recover")):
        raise BenchmarkError(f"{path}: no class {kind!r} with fit, predict, recover and networks")
    factory = cast("Callable[[], Recogniser]", made)

    def build(w: Workbench) -> Recogniser:
        return fit(factory(), w)

    return build


def remembered(request: Request) -> dict[str, Any]:
    """What must be equal whenever a folder is gone on with."""
    manifest = SHIPPED / "text" / "manifest.json"
    return {
        "format": FORMAT,
        "data": request.data,
        "profile": request.profile,
        "training": request.training,
        "text_encoder": hashlib.sha256(manifest.read_bytes()).hexdigest(),
    }


def open_folder(request: Request) -> None:
    """Make the folder, or check that it holds the same comparison.

    Raises:
        BenchmarkError: it holds another one, or cannot be written.
    """
    path, wanted = Path(request.out) / SETTINGS, remembered(request)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            aside = path.with_name(f".{os.getpid()}.{path.name}")
            aside.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
            aside.replace(path)
            return
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise BenchmarkError(f"{path}: cannot be used: {exc}") from exc
    for name, value in wanted.items():
        if found.get(name) != value:
            raise BenchmarkError(
                f"{path}: this folder holds results with {name} {found.get(name)!r}, "
                f"not {value!r}; give another --out"
            )


def open_loader(request: Request, rate: float | None) -> Loader:
    """The loader of one training regime.

    Raises:
        ModelError: an unknown name, or data that cannot be used.
    """
    profile = profile_of(request.profile)
    if rate is not None:
        profile = replace(profile, hides=rate)
    return Loader(request.data, request.source(), profile)


def check_words(request: Request) -> None:
    """Refuse unknown names before anything is started.

    Raises:
        ModelError: an unknown data set, model, protocol or profile.
        BenchmarkError: a model of the user's own that cannot be imported.
    """
    known = set_of(request.data)
    profile_of(request.profile)
    request.builds()
    protocols_of(request.protocol, 2 if known.timed else 1, len(known.modalities))
    if request.seeds < 1:
        raise ModelError("at least one seed is needed")
