"""`tacit bench replay`."""

import json
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

import typer

from ..bench import bench_replay
from ..bench_recording import as_markdown, bench_recording
from ..config import load_settings
from .options import AsrOption, ConfigOption, WeightsOption

SAMPLE: Final = resources.files("tacit.pipeline") / "assets" / "sample.mp4"


def bench_replay_command(
    file: Annotated[
        Path | None, typer.Argument(help="Recording to use instead of the bundled sample.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Runs of each kind.")] = 3,
    minutes: Annotated[
        float,
        typer.Option(
            min=0,
            max=600,
            help="Length of the session that is made of the recording to measure a session file; "
            "0 leaves that out.",
        ),
    ] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    asr: AsrOption = None,
    weights: WeightsOption = None,
    config: ConfigOption = None,
) -> None:
    """Speed of replay from media and from features, size of a session file, growth of memory."""
    settings = load_settings(config, {"asr": asr, "weights": weights})
    with resources.as_file(SAMPLE) as sample:
        report = bench_replay(file or sample, settings, repeats)
        if minutes:
            report["session"] = bench_recording(file or sample, settings, minutes)
    typer.echo(json.dumps(report, indent=2) if as_json else as_markdown(report))
