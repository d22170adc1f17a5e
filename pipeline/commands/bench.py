"""`tacit bench replay` and `tacit bench recover`."""

import json
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

import typer

from ..bench import bench_replay
from ..bench_recording import as_markdown, bench_recording
from ..bench_recover import as_text, bench_recover
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


def bench_recover_command(
    repeats: Annotated[int, typer.Option(min=10, max=10_000, help="Readings per gap.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    weights: WeightsOption = None,
    config: ConfigOption = None,
) -> None:
    """Time to recover what is lost in one window and to read it, beside the 50-step teacher."""
    report = bench_recover(load_settings(config, {"weights": weights}), repeats)
    typer.echo(json.dumps(report, indent=2) if as_json else as_text(report))
