"""Fits the gate and the temperatures of the shipped recovery anew, on more windows.

    python tools/regate.py --root ../shared/data --windows 2000

Everything else stays as it was trained. Validation fits and opens; the test part gives the figures
of the manifest and, where the shipped weights are replaced, of docs/models.md by way of
results/recovery/paired.json.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import torch
import typer
from rich.console import Console

from tacit.models.checkpoint import SHIPPED
from tacit.models.errors import ModelError
from tacit.models.training.fusion_data import Collector
from tacit.models.training.recovery_regate import regate
from tacit.models.training.recovery_run import RunConfig

RESULT: Final = Path("results/recovery/paired.json")
app = typer.Typer(add_completion=False)


@app.command(help=__doc__)
def main(
    root: Annotated[Path, typer.Option(envvar="TACIT_DATA", help="The data folder.")],
    weights: Annotated[Path, typer.Option(help="Encoders, fusion and recovery.")] = SHIPPED,
    out: Annotated[Path | None, typer.Option(help="Instead of WEIGHTS/recovery.")] = None,
    cache: Annotated[Path, typer.Option(help="For tokens.")] = Path("runs/cache"),
    windows: Annotated[int, typer.Option(min=50, help="Per gap and part.")] = 2000,
    result: Annotated[Path, typer.Option(help="Comparison that shows the figures.")] = RESULT,
) -> None:
    """Fit and write."""
    console = Console()
    torch.set_num_threads(1)
    plain = RunConfig()
    own = replace(plain.fusion, weights=weights, cache=cache)
    config = replace(plain, fusion=own, gate=replace(plain.gate, windows=windows))
    try:
        data = Collector(root, weights, own.data, cache, console.print).collect()
        made = regate(data, weights, out or weights / "recovery", config, console.print)
    except ModelError as exc:
        typer.echo(f"regate: {exc}", err=True)
        raise typer.Exit(1) from exc
    if out is None and result.exists():
        note(result, made.metrics, windows)


def note(result: Path, metrics: Mapping[str, float], windows: int) -> None:
    """Put a manifest's figures of all gaps into the comparison of fills."""
    found = json.loads(result.read_text(encoding="utf-8"))
    parts = ("valid.", "test.")
    found["gate"] = {name: v for name, v in metrics.items() if name.startswith(parts)}
    found["gate_windows"] = windows
    result.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    app()
