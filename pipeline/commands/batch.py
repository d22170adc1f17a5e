"""`tacit batch`."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from ..batch.run import BatchRequest, run_batch, usable_cores
from ..batch.summary import SUMMARY_MD
from ..batch.view import BatchBar
from ..config import load_settings
from ..consent import DEFAULT_PURPOSE, OPERATOR, Terms
from .options import (
    AsrOption,
    ConfigOption,
    ConsentOption,
    ExceptionOption,
    PurposeOption,
    ReasonOption,
    WeightsOption,
)

EXIT_NONE_READ = 1


def batch_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|MANIFEST",
            help="Folder with media and sessions, or a .csv or .jsonl file with a column `path` "
            "(relative to that file) and perhaps `participant`.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the data set.")],
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(
            help="local: processes of this machine; ray: a cluster (the extra named ray)."
        ),
    ] = "local",
    jobs: Annotated[
        int,
        typer.Option(min=0, max=4096, help="Inputs read at a time; 0 for one per core here."),
    ] = 0,
    pattern: Annotated[
        str, typer.Option(metavar="GLOB", help="Which files of a folder, e.g. '**/*.wav'.")
    ] = "",
    inject: Annotated[
        str, typer.Option(help="Damage to try out on all media, as in tacit replay.")
    ] = "",
    purpose: PurposeOption = DEFAULT_PURPOSE,
    consent: ConsentOption = OPERATOR,
    exception: ExceptionOption = "",
    reason: ReasonOption = "",
    asr: AsrOption = None,
    weights: WeightsOption = None,
    config: ConfigOption = None,
) -> None:
    """Read many recordings and sessions into one Parquet data set.

    Writes OUT/results/*.parquet, one file per input, summary.json, summary.md and failures.jsonl.
    Run it again to go on where it was stopped: inputs that have been read with the same settings
    and weights are kept. An input that cannot be read is listed and the rest goes on.

    Exits with 0 when at least one input could be read, with 1 when none could.

    tacit batch manifest.csv -o results --engine ray --asr off
    """
    Terms("p1", purpose, consent, exception, reason)
    settings = load_settings(config, {"asr": asr, "weights": weights})
    jobs = jobs or max(usable_cores() // settings.threads, 1)
    request = BatchRequest(source, out, settings, engine, jobs, inject, pattern)
    with BatchBar(console := Console()) as bar:
        summary = run_batch(request, bar)
    console.print(
        f"{summary.done} read, {summary.kept} kept, {summary.failed} failed of {summary.inputs}; "
        f"{summary.windows} windows from {summary.media_s:.1f} s; see {out / SUMMARY_MD}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    if not summary.succeeded:
        raise typer.Exit(EXIT_NONE_READ)
