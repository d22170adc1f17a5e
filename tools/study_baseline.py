"""Measures what a per-person baseline is worth on RAVDESS, for docs/models.md.

python tools/study_baseline.py run --root ../shared/data --runs runs/baseline.jsonl
python tools/study_baseline.py summary --runs runs/baseline.jsonl
"""

import json
import platform
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tacit.models.datasets.ravdess_pairs import FOLDS
from tacit.models.manifest import SHIPPED
from tacit.models.study import baseline, baseline_data, baseline_tables
from tacit.models.study.baseline import Parts
from tacit.models.training.baseline import BaselineConfig, token_people

SEED: Final = 7
RESULT: Final = Path("results/baseline/ravdess.json")
ALL: Final = "cross-validation, 20 actors"
OFFICIAL: Final = "test actors 17-20"

SETS: Final = {
    ALL: ("audio", "face", "audio+face"),
    OFFICIAL: ("audio", "face", "audio+face"),
}

app = typer.Typer(no_args_is_help=True)
RunsOption = Annotated[Path, typer.Option(help="File with a line per split and set of features.")]


@app.command("run")
def run(
    root: Annotated[Path, typer.Option(help="The data folder.")],
    runs: RunsOption,
    cache: Annotated[Path, typer.Option(help="For features.")] = Path("runs/cache"),
    most: Annotated[int, typer.Option(help="Stop after so many lines.")] = 1000,
) -> None:
    """Train and read every split that the file does not hold yet."""
    sets = baseline_data.load(root, cache)
    people = sets["face"].people
    splits: list[tuple[str, int, Parts]] = [(OFFICIAL, 0, baseline.official_parts(people))]
    splits += [(ALL, k, baseline.fold_parts(people, k)) for k in range(FOLDS)]
    done = {(r["split"], r["fold"], r["set"]) for r in _lines(runs)}
    runs.parent.mkdir(parents=True, exist_ok=True)
    for title, fold, parts in splits:
        for name, data in sets.items():
            if (title, fold, name) in done or most <= 0:
                continue
            most -= 1
            record = {"split": title, "fold": fold, "set": name}
            record |= {"variants": baseline.run(data, parts, SEED + fold)}
            with runs.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
            typer.echo(f"{title}, split {fold}, {name}: done")


@app.command("tokens")
def tokens(
    root: Annotated[Path, typer.Option(help="The data folder.")],
    runs: RunsOption,
    cache: Annotated[Path, typer.Option(help="For tokens.")] = Path("runs/cache"),
    weights: Annotated[Path, typer.Option(help="Holds the audio encoder.")] = SHIPPED,
) -> None:
    """The same on tokens of the shipped audio encoder, which was trained on actors 01-14."""
    data = token_people(root, BaselineConfig(weights, cache))
    record = {"split": OFFICIAL, "fold": 0, "set": "audio encoder"}
    record |= {"variants": baseline.run(data, baseline.official_parts(data.people), SEED)}
    runs.parent.mkdir(parents=True, exist_ok=True)
    with runs.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


@app.command("summary")
def summary(
    runs: RunsOption,
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = RESULT,
) -> None:
    """Figures with intervals, from all lines."""
    lines = _lines(runs)
    result: dict[str, Any] = {
        "schema": "baseline/1",
        "command": "python tools/study_baseline.py run; python tools/study_baseline.py summary",
        "seed": SEED,
        "python": platform.python_version(),
        "judged_repeats": baseline.JUDGED_REPEATS,
        "calibration_clips": baseline_data.CALIBRATION_CLIPS,
        "splits": {},
    }
    for title in (ALL, OFFICIAL):
        result["splits"][title] = {}
        for name in SETS[title]:
            found = [r["variants"] for r in lines if (r["split"], r["set"]) == (title, name)]
            if len(found) != (FOLDS if title == ALL else 1):
                raise typer.BadParameter(f"{runs}: {len(found)} lines of {title}, {name}")
            result["splits"][title][name] = {
                "figures": baseline.figures(baseline.pooled(found)),
                "chosen": {v: [one[v]["chosen"] for one in found] for v in found[0]},
            }
    shown: dict[str, Any] = {
        "title": baseline_tables.TITLE,
        "protocol": baseline_tables.PROTOCOL,
        "tables": baseline_tables.tables(result["splits"]),
        "notes": baseline_tables.notes(result["splits"]),
    }
    result = shown | result
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    app()
