"""Runs the comparisons of recovery on real pairs, and sums them up.

    python tools/study.py run ravdess --seeds 0,1,2 --shares 1,0.1
    python tools/study.py near ravdess --seeds 0,1,2
    python tools/study.py sum ravdess

A finished cell is never computed again, and two runs may work side by side. `sum` writes
results/study/NAME.json, from which `tools/models_docs.py` makes docs/models.md.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated, Final

import torch
import typer

from tacit.models.errors import ModelError
from tacit.models.study import nearness
from tacit.models.study.cells import CellStore, Job
from tacit.models.study.running import run_job
from tacit.models.study.summary import summarise
from tacit.models.study.tasks import Tasks
from tacit.models.study.workbench import GROUPS

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = ROOT / "results" / "study"
RUNS: Final = ROOT / "runs"
FOLDS: Final = {"ravdess": 5, "ravdess_raw": 5, "mosi": 1, "mosi_given": 1}

app = typer.Typer(add_completion=False, help=__doc__)


@contextmanager
def mistakes_in_a_line() -> Iterator[None]:
    """Say what was wrong and end with status 1."""
    try:
        yield
    except ModelError as exc:
        typer.echo(f"study: {exc}", err=True)
        raise typer.Exit(1) from exc


def store_of(study: str) -> CellStore:
    """Where a study's cells are; those of inner splits stay out of the repository."""
    inner = study.endswith("-inner")
    folder = RUNS / "study" if inner else RESULTS
    return CellStore(folder / f"{study}.jsonl", RUNS / "study" / study)


def near_store_of(study: str) -> CellStore:
    """Where it is kept how near the fills of a study come."""
    return CellStore(RESULTS / f"{study}.near.jsonl", RUNS / "study" / f"{study}.near")


def jobs_of(study: str, seeds: str, shares: str, folds: str = "") -> list[Job]:
    """Jobs of comma-separated seeds, shares and folds.

    Raises:
        ModelError: no such study.
    """
    chosen = [int(word) for word in folds.split(",") if word] or range(folds_of(study))
    return [
        Job(study, float(share), int(seed), fold)
        for seed in seeds.split(",")
        for share in shares.split(",")
        for fold in chosen
    ]


def folds_of(study: str) -> int:
    """How many folds a study has.

    Raises:
        ModelError: no such study.
    """
    name = study.partition("-")[0]
    if name not in FOLDS:
        raise ModelError(f"no study {study!r}; known: {', '.join(FOLDS)}")
    return FOLDS[name]


def methods_of(groups: str) -> list[str]:
    """Methods of comma-separated groups or single methods."""
    found: list[str] = []
    for word in groups.split(","):
        found += GROUPS.get(word, (word,))
    return found


@app.command()
def run(
    study: Annotated[str, typer.Argument(help="ravdess, mosi, ...; with -inner for tuning")],
    root: Annotated[Path, typer.Option(envvar="TACIT_DATA", help="The data folder.")],
    seeds: Annotated[str, typer.Option(help="Such as 0,1,2.")] = "0,1,2",
    shares: Annotated[str, typer.Option(help="Of the labels, such as 1,0.1.")] = "1",
    methods: Annotated[str, typer.Option(help="Groups or methods.")] = "main",
    folds: Annotated[str, typer.Option(help="Such as 0,3; all if left out.")] = "",
    cache: Annotated[Path, typer.Option(help="For audio statistics.")] = RUNS / "cache",
) -> None:
    """Compute the cells that are missing."""
    torch.set_num_threads(1)
    with mistakes_in_a_line():
        tasks, store, wanted = Tasks(root, cache), store_of(study), methods_of(methods)
        for job in jobs_of(study, seeds, shares, folds):
            run_job(job, partial(tasks.task, job), wanted, store, (perf_counter, typer.echo))


@app.command()
def near(
    study: Annotated[str, typer.Argument(help="ravdess, mosi, ...")],
    root: Annotated[Path, typer.Option(envvar="TACIT_DATA", help="The data folder.")],
    seeds: Annotated[str, typer.Option(help="Such as 0,1,2.")] = "0,1,2",
    shares: Annotated[str, typer.Option(help="Of the labels, such as 1,0.1.")] = "1",
    cache: Annotated[Path, typer.Option(help="For audio statistics.")] = RUNS / "cache",
) -> None:
    """Measure how near each way of filling comes to what was lost, where that is missing."""
    torch.set_num_threads(1)
    with mistakes_in_a_line():
        tasks, store = Tasks(root, cache), near_store_of(study)
        for job in jobs_of(study, seeds, shares):
            if nearness.run_job(job, partial(tasks.task, job), store, process_time):
                typer.echo(f"{job.name}: done")


@app.command(name="sum")
def sum_up(
    study: Annotated[str, typer.Argument(help="As for run.")],
    folds: Annotated[str, typer.Option(help="That count, such as 0,3; all if left out.")] = "",
) -> None:
    """Figures with intervals from all finished cells."""
    with mistakes_in_a_line():
        chosen = [int(word) for word in folds.split(",") if word] or None
        summary = summarise(study, store_of(study), chosen)
        near_lines = list(near_store_of(study).finished().values())
        for share, part in summary["shares"].items():
            own = [line for line in near_lines if line["share"] == float(share)]
            part |= {"near": nearness.summarise(own)} if own else {}
    inner = study.endswith("-inner")
    path = (RUNS / "study" if inner else RESULTS) / f"{study}.json"
    path.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    typer.echo(path)


if __name__ == "__main__":
    app()
