"""Compares ways to train the voice, for docs/models.md.

    python tools/study_audio.py run --root ../shared/data --purpose choose plain mixup
    python tools/study_audio.py write --weights models/weights/audio

`run` cross-validates recipes of `models/training/audio_study.py`: `choose` over actors 01-16, which
is what a recipe may be chosen by, `report` over all twenty. Each fold is kept as one JSON line and
never run twice. `write` puts the figures of all folds and of a trained checkpoint into one file.
"""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer

from tacit.models.audio_encoder import config_from
from tacit.models.audio_net import AudioNet
from tacit.models.checkpoint import SHIPPED, read_manifest
from tacit.models.training import audio_study
from tacit.models.training.audio_study import CHOOSING, FOLDS, REPORTING, approaches

LOG: Final = Path("runs/audio/study.jsonl")
OUT: Final = Path("results/encoders/audio.json")

app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def run(
    names: Annotated[list[str], typer.Argument(help="Recipes, in this order fold by fold.")],
    root: Annotated[Path, typer.Option(envvar="TACIT_DATA", help="The data folder.")],
    purpose: Annotated[str, typer.Option(help="choose or report.")] = CHOOSING,
    log: Annotated[Path, typer.Option(help="JSON lines, one per fold.")] = LOG,
    cache: Annotated[Path, typer.Option(help="For features.")] = Path("runs/cache"),
) -> None:
    """Cross-validate recipes."""
    known = approaches()
    unknown = [name for name in names if name not in known]
    if unknown or purpose not in FOLDS:
        typer.echo(f"study: want {', '.join(known)} and choose or report", err=True)
        raise typer.Exit(1)
    torch.set_num_threads(1)
    plan = [(name, purpose, fold) for fold in range(FOLDS[purpose]) for name in names]
    audio_study.study(root, log, plan, cache, typer.echo, time.process_time)


@app.command()
def write(
    weights: Annotated[Path, typer.Option(help="The trained checkpoint.")] = SHIPPED / "audio",
    earlier: Annotated[Path | None, typer.Option(help="A checkpoint to compare with.")] = None,
    log: Annotated[Path, typer.Option(help="JSON lines, one per fold.")] = LOG,
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = OUT,
) -> None:
    """Write the figures of all folds and of a checkpoint."""
    made = document(audio_study.read_log(log), weights)
    if earlier is not None:
        figures = read_manifest(earlier).metrics
        made["approaches"].append(
            {
                "name": "earlier",
                "note": "the voice model that was shipped before",
                "cv": None,
                "cv_all": None,
                "valid": _part(figures, "valid"),
                "test": _part(figures, "test"),
            }
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    typer.echo(f"{out} written")


def document(rows: list[dict[str, Any]], weights: Path) -> dict[str, Any]:
    """All figures as one JSON document.

    Args:
        rows: from `audio_study.read_log`.
        weights: folder of the trained checkpoint.
    """
    manifest = read_manifest(weights)
    figures, net = manifest.metrics, AudioNet(config_from(manifest.config, weights))
    return {
        "model": "audio",
        "schema": "encoder/1",
        "command": "python tools/study_audio.py write",
        "date": datetime.now(UTC).date().isoformat(),
        "threads": 1,
        "parameters": sum(p.numel() for p in net.parameters()),
        "approaches": [
            {
                "name": name,
                "note": approach.note,
                "cv": _folds(rows, name, CHOOSING),
                "cv_all": _folds(rows, name, REPORTING),
                "valid": None,
                "test": None,
            }
            for name, approach in approaches().items()
            if any(row["approach"] == name for row in rows)
        ],
        "final": {part: _part(figures, part) for part in ("valid", "test")},
    }


def _part(figures: Mapping[str, float], part: str) -> dict[str, Any]:
    """Figures of one part from a manifest; noise only where it was measured."""
    return {
        **{name: figures[f"{part}.{name}"] for name in ("uar", "uar_low", "uar_high", "loss")},
        "by_sex": {s: figures[f"{part}.uar_{s}"] for s in ("female", "male")},
        "snr": {
            snr: figures[f"{part}.uar_snr{snr}"]
            for snr in ("20", "10", "0")
            if f"{part}.uar_snr{snr}" in figures
        },
    }


def _folds(rows: list[dict[str, Any]], name: str, purpose: str) -> dict[str, Any] | None:
    mine = [r for r in rows if r["approach"] == name and r["purpose"] == purpose]
    return audio_study.summarise_folds(mine) if mine else None


if __name__ == "__main__":
    app()
