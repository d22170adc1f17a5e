"""`tacit bench recording`."""

import json
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

import typer

from ..bench_recording import as_markdown, bench_recording
from ..config import load_settings
from .options import AsrOption, ConfigOption, WeightsOption

SAMPLE: Final = resources.files("tacit.pipeline") / "assets" / "sample.mp4"


def bench_recording_command(
    file: Annotated[
        Path | None, typer.Argument(help="Recording to use instead of the bundled sample.")
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0.2, max=600, help="Length of the session that is made of it.")
    ] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    asr: AsrOption = None,
    weights: WeightsOption = None,
    config: ConfigOption = None,
) -> None:
    """Size of a session file, speed of its replay from features, and growth of memory."""
    settings = load_settings(config, {"asr": asr, "weights": weights})
    with resources.as_file(SAMPLE) as sample:
        report = bench_recording(file or sample, settings, minutes)
    typer.echo(json.dumps(report, indent=2) if as_json else as_markdown(report))
