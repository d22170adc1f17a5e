"""`tacit benchmark` and `tacit benchmark latency`."""

import importlib.util
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from ..benchmark.errors import BenchmarkError

# Everything else is imported where it is used: it rests on the `benchmark` extra.

benchmark_app = typer.Typer(invoke_without_command=True)

RootOption = Annotated[
    Path | None,
    typer.Option(envvar="TACIT_DATA", help="The data folder, or your own file or folder."),
]
CacheOption = Annotated[Path, typer.Option(help="For audio statistics.")]
UncheckedOption = Annotated[
    bool, typer.Option("--unchecked", help="Take files with other checksums than the published.")
]


@benchmark_app.callback()
def benchmark_command(
    context: typer.Context,
    data: Annotated[
        str | None, typer.Option(help="Such as mosi; see: tacit benchmark list.")
    ] = None,
    root: RootOption = None,
    models: Annotated[
        str, typer.Option(help="Names after commas, all, or FILE.py:CLASS of your own.")
    ] = "all",
    protocol: Annotated[
        str,
        typer.Option(
            help="Tables to print: fixed, random, imbalanced, frames, blocks, noise, or all."
        ),
    ] = "all",
    profile: Annotated[
        str, typer.Option(help="quick: minutes, for a first look. full: what tables are made of.")
    ] = "quick",
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Repetitions.")] = 5,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 2,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the results.")] = None,
    training: Annotated[
        Literal["one", "per-rate"],
        typer.Option(help="One model for all missing rates, or one for each."),
    ] = "one",
    cache: CacheOption = Path("runs/cache"),
    sha256: Annotated[str | None, typer.Option(help="Demanded of your own data file.")] = None,
    unchecked: UncheckedOption = False,
) -> None:
    """Compare models on a data set under missing and damaged modalities.

    Writes OUT/cells.jsonl (a line per finished cell), summary.json, table.md, table.html and plots.
    Stop it whenever you like and run the same command again: finished cells are kept.

    tacit benchmark --data mosi --root DATA --models all --protocol random --seeds 5 --jobs 2

    tacit benchmark --data mmsa --root aligned_50.pkl --models drop,dropkd,mmin,mine.py:Mine

    tacit benchmark latency --data ravdess --root DATA
    """
    if context.invoked_subcommand is not None:
        return
    if data is None:
        raise BenchmarkError("which data? give --data, such as mosi; see: tacit benchmark list")
    out = out or Path("runs") / "benchmark" / f"{data}-{profile}"
    fields = {"root": str(rooted(root)), "out": str(out), "cache": str(cache)}
    words = {"data": data, "models": models, "protocol": protocol, "profile": profile}
    more = {"seeds": seeds, "jobs": jobs, "training": training}
    compare(fields | words | more | {"sha256": sha256, "unchecked": unchecked})


def compare(fields: dict[str, Any]) -> None:
    """Run a comparison and print its tables.

    Args:
        fields: of `benchmark.plan.Request`.
    """
    needed()
    from ..benchmark.plan import Request
    from ..benchmark.report import write_report
    from ..benchmark.run import run_benchmark
    from ..benchmark.view import BenchmarkView

    request, console = Request(**fields), Console()
    with BenchmarkView(console) as view:
        run_benchmark(request, view)
    path = write_report(request)
    console.print(path.read_text(encoding="utf-8"), markup=False, highlight=False, soft_wrap=True)
    console.print(f"see {path}", markup=False, highlight=False, soft_wrap=True)


@benchmark_app.command("latency")
def latency_command(
    data: Annotated[str, typer.Option(help="A data set with two modalities or more.")] = "ravdess",
    root: RootOption = None,
    repeats: Annotated[int, typer.Option(min=5, max=10_000, help="Windows per model.")] = 50,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="JSON file to write.")] = None,
    cache: CacheOption = Path("runs/cache"),
    unchecked: UncheckedOption = False,
) -> None:
    """Time one window of each recovering model, in turns in one run."""
    needed()
    from ...models.benchmark.sets import Source
    from ..benchmark.latency import latency_table, measure_latency
    from ..benchmark.report import write
    from ..benchmark.tables import as_markdown

    console = Console(stderr=True)
    source = Source(rooted(root), cache, None, unchecked)
    found = measure_latency(data, source, repeats, console.print)
    if out is not None:
        write(out, json.dumps(found, indent=1) + "\n")
    typer.echo(as_markdown(latency_table(found)))


@benchmark_app.command("list")
def list_command() -> None:
    """Name all models, data sets and protocols."""
    needed()
    from ...models.benchmark.catalogue import CATALOGUE
    from ...models.benchmark.protocols import PROTOCOLS
    from ...models.benchmark.sets import SETS

    console = Console()
    for title, rows in (
        ("models", {name: entry.title for name, entry in CATALOGUE.items()}),
        ("data", {name: known.title for name, known in SETS.items()}),
        ("protocols", dict.fromkeys(PROTOCOLS, "")),
    ):
        console.print(f"[bold]{title}[/]")
        for name, text in rows.items():
            console.print(f"  {name:14s} {text}", highlight=False, markup=False)


def needed() -> None:
    """Refuse to start without the packages of the extra.

    Raises:
        BenchmarkError: one is missing.
    """
    for name in ("sklearn", "matplotlib", "soundfile"):
        if importlib.util.find_spec(name) is None:
            raise BenchmarkError(f"{name} is missing: pip install 'tacit[benchmark]'")


def rooted(root: Path | None) -> Path:
    """The folder that was given.

    Raises:
        BenchmarkError: none was.
    """
    if root is None:
        raise BenchmarkError("where are the data? give --root or set TACIT_DATA")
    return root
