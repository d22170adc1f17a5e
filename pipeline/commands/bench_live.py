"""`tacit bench live`."""

import json
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from ..bench_live import bench_live
from ..config import load_settings
from .options import AsrOption, ConfigOption, WeightsOption

SAMPLE: Final = resources.files("tacit.pipeline") / "assets" / "sample.mp4"


def bench_live_command(
    file: Annotated[
        Path | None, typer.Argument(help="Recording to use instead of the bundled sample.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=5, max=3600, help="How long to play it.")] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    asr: AsrOption = None,
    weights: WeightsOption = None,
    config: ConfigOption = None,
) -> None:
    """Latency of each step of a live result, from the end of its window to its event."""
    settings = load_settings(config, {"asr": asr, "weights": weights})
    with resources.as_file(SAMPLE) as sample:
        report = bench_live(file or sample, settings, seconds)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
        return
    table = Table("step", "mean ms", "p50", "p95", "max", box=None, padding=(0, 2))
    for name, step in {**report["steps"], "whole": report["whole"]}.items():
        if step is not None:
            figures = (step[key] for key in ("mean_ms", "p50_ms", "p95_ms", "max_ms"))
            table.add_row(name, *(f"{figure:.1f}" for figure in figures))
    console = Console()
    console.print(table)
    cores = report["cores_by_process"]
    used = ", ".join(f"{name} {share:.2f}" for name, share in cores.items())
    console.print(f"{report['results']} results; processor cores: {used or 'not known here'}")
    if report["results"]:
        shares = report["measured_share"].items()
        console.print("measured: " + ", ".join(f"{m} in {share:.0%}" for m, share in shares))
    for line in report["budget"]:
        mark = "[green]✔[/]" if line["met"] else "[red]✘[/]"
        console.print(f"{mark} {line['what']}: {line['value']} (at most {line['most']})")
