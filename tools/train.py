"""Trains shipped models from the data folder, or checks that they can be trained again.

    python tools/train.py all --root ../shared/data
    python tools/train.py audio --root ../shared/data --check

The stages are those of `tacit train`, which runs them from a settings file and goes on where it was
interrupted; this runs one of them as it is, into the shipped weights. `--check` trains into a
temporary folder and compares the validation figures with those of the shipped manifests.
"""

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer
from rich.console import Console
from rich.table import Table

from tacit.models.checkpoint import SHIPPED, Manifest, read_manifest
from tacit.models.errors import ModelError
from tacit.pipeline.training.run import seeded
from tacit.pipeline.training.stage import Place, stage_class
from tacit.pipeline.training.stages import STAGES

TOLERANCE: Final = 0.01
"""How far a retrained validation figure may lie from the shipped one: one point."""

COMPARED: Final = ("accuracy", "uar", "macro_f1", "final_accuracy")


class Kind(StrEnum):
    """What can be trained."""

    FACE = "face"
    AUDIO = "audio"
    TEXT = "text"
    BASELINE = "baseline"
    RECOVERY = "recovery"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of a retrained model beside the shipped one, both in [0, 1]."""

    name: str
    shipped: float
    retrained: float

    @property
    def agrees(self) -> bool:
        """Whether they lie within a point of each other."""
        return abs(self.retrained - self.shipped) <= TOLERANCE


def compare(shipped: Manifest, retrained: Manifest) -> list[Compared]:
    """Validation figures that both manifests hold; calibration and intervals are left out."""
    return [
        Compared(name, value, retrained.metrics[name])
        for name, value in sorted(shipped.metrics.items())
        if name.startswith("valid.")
        and set(name.split(".")) & set(COMPARED)
        and name in retrained.metrics
    ]


def table(title: str, rows: Iterable[Compared]) -> Table:
    """Figures side by side, in points."""
    made = Table(title=title)
    for column in ("figure", "shipped", "retrained", "within a point"):
        made.add_column(column)
    for row in rows:
        verdict = "yes" if row.agrees else "[red]no"
        made.add_row(row.name, f"{row.shipped:.1%}", f"{row.retrained:.1%}", verdict)
    return made


def train_kinds(
    kinds: Iterable[str], place: Place, seed: int | None, console: Console
) -> dict[str, Mapping[str, float]]:
    """Train models one after another, telling the console what happens."""
    written: dict[str, Mapping[str, float]] = {}
    for kind in kinds:
        stage = STAGES[kind]
        config: Any = stage_class(stage)()
        if seed is not None:
            config = seeded(config, seed, {})
        with console.status(f"training {kind}"):
            written[kind] = stage.train(
                place,
                config,
                lambda line, kind=kind: console.print(f"[dim]{kind}[/]  {line}"),  # type: ignore[misc]
            )
        folders = ", ".join(str(place.weights / name) for name in stage.checkpoints)
        console.print(f"[bold]{kind}[/] written to {folders}")
    return written


def check(kinds: Iterable[str], place: Place, seed: int | None, console: Console) -> bool:
    """Train into `place` and compare with the shipped manifests; True if all agree."""
    agree = True
    for kind in train_kinds(kinds, place, seed, console):
        for name in STAGES[kind].checkpoints:
            rows = compare(read_manifest(SHIPPED / name), read_manifest(place.weights / name))
            console.print(table(f"{name}: validation figures", rows))
            agree = agree and bool(rows) and all(row.agrees for row in rows)
    return agree


app = typer.Typer(add_completion=False)


@app.command(help=__doc__)
def main(
    kind: Annotated[Kind, typer.Argument(help="What to train.")],
    root: Annotated[Path, typer.Option(envvar="TACIT_DATA", help="The data folder.")],
    out: Annotated[Path, typer.Option(help="Each model gets a folder in it.")] = SHIPPED,
    cache: Annotated[
        Path | None,
        typer.Option(help="For what can be computed again; runs/cache, or fresh with --check."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of each model's own.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of torch.")] = 1,
    checking: Annotated[
        bool, typer.Option("--check", help="Compare with the shipped figures; write nothing.")
    ] = False,
) -> None:
    """Train one model or all of them."""
    console = Console()
    kinds = list(STAGES) if kind is Kind.ALL else [str(kind)]
    torch.set_num_threads(threads)
    if not root.is_dir():
        _fail(f"{root}: no such data folder; give it with --root or TACIT_DATA")
    try:
        if not checking:
            kept = cache or Path("runs/cache")
            train_kinds(kinds, Place(root, out, kept / "parts", kept, threads), seed, console)
            return
        with tempfile.TemporaryDirectory(prefix="tacit-train-") as fresh:
            new = Path(fresh) / "weights"
            for name in (n for kind in kinds for n in STAGES[kind].needs if n not in kinds):
                shutil.copytree(SHIPPED / name, new / name, dirs_exist_ok=True)
            kept = cache or Path(fresh) / "cache"
            place = Place(root, new, Path(fresh) / "parts", kept, threads)
            agree = check(kinds, place, seed, console)
    except ModelError as exc:
        _fail(str(exc))
    if not agree:
        _fail("retrained figures are not within a point of the shipped ones")


def _fail(reason: str) -> None:
    typer.echo(f"train: {reason}", err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
