"""Measures what the past is worth when a stream drops in mid-clip, for docs/models.md.

python tools/study_streams.py run --root ../shared/data --out results/streams/runs.jsonl
"""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer

from tacit.models.datasets.ravdess_streams import FRAME_ACTORS
from tacit.models.study import streams, streams_tables
from tacit.models.study.streams_fit import Budget
from tacit.models.study.streams_summary import summarise
from tacit.models.study.streams_tokens import load_takes

RESULT: Final = Path("results/streams/summary.json")
EARLIER: Final = Path("earlier/whole-tokens.json")
"""Beside the result: figures of the version before, whose test part was read."""

app = typer.Typer(no_args_is_help=True)


@app.command("run")
def run(
    root: Annotated[Path, typer.Option(help="The data folder.")],
    out: Annotated[Path, typer.Option(help="File that gets a line per split and seed.")],
    cache: Annotated[Path, typer.Option(help="For tokens.")] = Path("runs/cache"),
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
    first: Annotated[int, typer.Option(help="The first of them.")] = 0,
) -> None:
    """Train and read every split of every seed that the file does not hold yet."""
    torch.set_num_threads(1)
    takes = load_takes(root, cache)
    done = set()
    if out.exists():
        lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        done = {(line["seed"], line["fold"]) for line in lines}
    out.parent.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + seeds):
        for fold in range(streams.FOLDS):
            if (seed, fold) in done:
                continue
            record = streams.run(takes, fold, seed, Budget(), FRAME_ACTORS)
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
            typer.echo(f"seed {seed} fold {fold}: done")


@app.command("summary")
def summary(
    runs: Annotated[Path, typer.Option(help="File that `run` wrote.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = RESULT,
) -> None:
    """Figures with intervals, from every split of every seed that is complete."""
    records = [json.loads(line) for line in runs.read_text(encoding="utf-8").splitlines()]
    done = Counter(record["seed"] for record in records)
    whole = [record for record in records if done[record["seed"]] == streams.FOLDS]
    if not whole:
        raise typer.BadParameter(f"{runs}: no seed has all {streams.FOLDS} splits")
    result = summarise(whole) | {"command": "python tools/study_streams.py run, then summary"}
    beside = out.parent / EARLIER
    earlier = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else None
    shown: dict[str, Any] = {
        "title": streams_tables.TITLE,
        "protocol": streams_tables.PROTOCOL,
        "tables": streams_tables.tables(result["lost"]),
        "notes": streams_tables.notes(result["lost"], len(result["seeds"]), earlier),
    }
    result = shown | result
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    app()
