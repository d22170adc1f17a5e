"""Trains the shipped models from the data folder, or checks that they can be trained again.

    python tools/train.py all --root ../shared/data
    python tools/train.py audio --root ../shared/data --check

`all` trains the three encoders and then the fusion on them. `--check` trains into a temporary
folder and compares the validation figures with those of the shipped manifests.
"""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import torch
import typer
from rich.console import Console
from rich.table import Table

from tacit.models.checkpoint import SHIPPED, Manifest, read_manifest
from tacit.models.errors import ModelError
from tacit.models.training import audio, face, fusion, text
from tacit.models.training.face_fit import FaceTrainingConfig

TOLERANCE: Final = 0.01
"""How far a retrained validation figure may lie from the shipped one: one point."""

COMPARED: Final = ("accuracy", "uar", "macro_f1")

Progress = Callable[[str], None]


class Kind(StrEnum):
    """What can be trained."""

    FACE = "face"
    AUDIO = "audio"
    TEXT = "text"
    FUSION = "fusion"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Run:
    """Where a run reads and writes.

    Attributes:
        root: the data folder.
        out: each model gets a folder of its kind in it.
        encoders: folder whose encoders the fusion is trained on.
        cache: folder for what can be computed again.
        epochs: None leaves each model's own number.
        seed: None leaves each model's own.
        threads: of torch.
    """

    root: Path
    out: Path
    encoders: Path
    cache: Path
    epochs: int | None
    seed: int | None
    threads: int


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


def train_face(run: Run, progress: Progress) -> Manifest:
    """Train the face encoder."""
    config = FaceTrainingConfig(cache=run.cache)
    courses = [replace(c, epochs=run.epochs or c.epochs) for c in config.courses]
    config = replace(config, courses=tuple(courses), seed=_seed(run, config.seed))
    return face.train(run.root, run.out / Kind.FACE, config, progress)


def train_audio(run: Run, progress: Progress) -> Manifest:
    """Train the audio encoder."""
    config = audio.AudioConfig()
    config = replace(config, epochs=run.epochs or config.epochs, seed=_seed(run, config.seed))
    return audio.train(run.root, run.out / Kind.AUDIO, config, progress, run.cache)


def train_text(run: Run, progress: Progress) -> Manifest:
    """Train the text encoder."""
    config = text.TextTrainingConfig(threads=run.threads)
    student = replace(config.student, epochs=run.epochs or config.student.epochs)
    config = replace(config, student=student, seed=_seed(run, config.seed))
    return text.train(run.root, run.out / Kind.TEXT, config, progress, run.cache)


def train_fusion(run: Run, progress: Progress) -> Manifest:
    """Train the fusion on the encoders of `run.encoders`."""
    config = fusion.FusionTrainingConfig(weights=run.encoders, cache=run.cache)
    config = replace(config, epochs=run.epochs or config.epochs, seed=_seed(run, config.seed))
    return fusion.train(run.root, run.out / Kind.FUSION, config, progress)


TRAINERS: Final[dict[Kind, Callable[[Run, Progress], Manifest]]] = {
    Kind.FACE: train_face,
    Kind.AUDIO: train_audio,
    Kind.TEXT: train_text,
    Kind.FUSION: train_fusion,
}
"""In the order of `all`: the fusion needs the encoders."""


def _seed(run: Run, own: int) -> int:
    return own if run.seed is None else run.seed


def compare(shipped: Manifest, retrained: Manifest) -> list[Compared]:
    """Validation figures that both manifests hold; calibration and intervals are left out."""
    return [
        Compared(name, value, retrained.metrics[name])
        for name, value in sorted(shipped.metrics.items())
        if name.startswith("valid.")
        and name.rsplit(".", 1)[-1] in COMPARED
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


def train_kinds(kinds: Iterable[Kind], run: Run, console: Console) -> dict[Kind, Manifest]:
    """Train models one after another, telling the console what happens."""
    written: dict[Kind, Manifest] = {}
    for kind in kinds:
        with console.status(f"training {kind}"):
            written[kind] = TRAINERS[kind](
                run,
                lambda line, kind=kind: console.print(f"[dim]{kind}[/]  {line}"),  # type: ignore[misc]
            )
        console.print(f"[bold]{kind}[/] written to {run.out / kind}")
    return written


def check(kinds: Iterable[Kind], run: Run, console: Console) -> bool:
    """Train into `run.out` and compare with the shipped manifests; True if all agree."""
    agree = True
    for kind, manifest in train_kinds(kinds, run, console).items():
        rows = compare(read_manifest(SHIPPED / kind), manifest)
        console.print(table(f"{kind}: validation figures", rows))
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
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of each model's own.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of each model's own.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of torch.")] = 1,
    checking: Annotated[
        bool, typer.Option("--check", help="Compare with the shipped figures; write nothing.")
    ] = False,
) -> None:
    """Train one model or all of them."""
    console = Console()
    kinds = list(TRAINERS) if kind is Kind.ALL else [kind]
    torch.set_num_threads(threads)
    if not root.is_dir():
        _fail(f"{root}: no such data folder; give it with --root or TACIT_DATA")
    try:
        if not checking:
            place = cache or Path("runs/cache")
            train_kinds(kinds, Run(root, out, out, place, epochs, seed, threads), console)
            return
        with tempfile.TemporaryDirectory(prefix="tacit-train-") as fresh:
            new = Path(fresh) / "weights"
            encoders = new if kind is Kind.ALL else SHIPPED
            place = cache or Path(fresh) / "cache"
            run = Run(root, new, encoders, place, epochs, seed, threads)
            agree = check(kinds, run, console)
    except ModelError as exc:
        _fail(str(exc))
    if not agree:
        _fail("retrained figures are not within a point of the shipped ones")


def _fail(reason: str) -> None:
    typer.echo(f"train: {reason}", err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
