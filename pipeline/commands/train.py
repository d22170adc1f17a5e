"""`tacit train`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from ..config import load_settings
from ..training.errors import TrainError
from .options import AsrOption, WeightsOption

FINETUNE: Final = "finetune"
"""Section of the settings for fine-tuning."""


@dataclass(frozen=True, slots=True)
class Start:
    """What fine-tuning begins with.

    Attributes:
        config: settings file of the training.
        weights: checkpoints to tune; the shipped ones for None.
        asr: speech to text, as in `tacit replay`.
    """

    config: Path | None
    weights: Path | None
    asr: str | None


def train_command(
    labels: Annotated[
        Path | None,
        typer.Argument(
            metavar="[LABELS]",
            help="With --data: table file,label[,split][,start_s,end_s] of your own clips.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file with a section per stage; see docs/training.md.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(envvar="TACIT_DATA", help="Folder of the data sets.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Everything that is made; run again to go on.")
    ] = Path("runs/train"),
    cache: Annotated[
        Path | None, typer.Option(help="For what can be computed again; OUT/cache by default.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of your own clips: fine-tune the fusion on them.")
    ] = None,
    weights: WeightsOption = None,
    asr: AsrOption = None,
) -> None:
    """Train all models from the data sets, or fine-tune on clips of your own.

    A stage that is finished is not run again, so an interrupted run goes on where it was. Curves
    are kept in OUT/curves, checkpoints in OUT/weights, ready for --weights.

    tacit train --config train.toml --root DATA -o runs/all

    tacit train --data my_clips labels.csv -o runs/mine

    tacit replay talk.mp4 --weights runs/mine/weights
    """
    console = Console()
    if data is None and labels is not None:
        raise TrainError(f"{labels}: a table of labels needs the folder of its clips: --data")
    if data is not None:
        if labels is None:
            raise TrainError("--data needs a table of labels: tacit train --data FOLDER LABELS.csv")
        _fine_tune(console, data, labels, out, Start(config, weights, asr))
        return
    if weights is not None or asr is not None:
        raise TrainError("--weights and --asr are for fine-tuning with --data")
    _train_all(console, config, root, out, cache)


def _train_all(
    console: Console, config: Path | None, root: Path | None, out: Path, cache: Path | None
) -> None:
    from ..training.run import Run, run_stages
    from ..training.settings import read_settings
    from ..training.stages import STAGES
    from ..training.view import TrainView

    if root is None:
        raise TrainError("no data: give their folder with --root or TACIT_DATA")
    if not root.is_dir():
        raise TrainError(f"{root}: no such data folder; give it with --root or TACIT_DATA")
    settings = read_settings(config, (*STAGES, FINETUNE))
    try:
        with TrainView(console) as view:
            run_stages(Run(root, out, settings, cache or out / "cache"), STAGES, view)
    except ModuleNotFoundError as exc:
        raise TrainError(f"needs the package {exc.name}: pip install 'tacit[train]'") from exc
    console.print(f"checkpoints: {out / 'weights'}", highlight=False, soft_wrap=True)


def _fine_tune(console: Console, folder: Path, labels: Path, out: Path, start: Start) -> None:
    from ...models.training.finetune import FineTuneConfig
    from ..training.own_clips import OwnClips, tune_on_clips
    from ..training.settings import configured, read_settings
    from ..training.stages import STAGES

    settings = read_settings(start.config, (*STAGES, FINETUNE))
    section = settings.sections.get(FINETUNE, {})
    fit = configured(FineTuneConfig, section, f"{settings.source}: {FINETUNE}.")
    front_end = load_settings(None, {"weights": start.weights, "asr": start.asr})
    run = OwnClips(folder, labels, out, front_end, fit)
    found = tune_on_clips(
        run, lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)
    )
    console.print(_table(found.tuned.metrics, "test" if "test" in found.clips else "valid"))
    if found.tuned.epoch == 0:
        console.print("no epoch read the validation clips better: the fusion is as it was")
    console.print(f"checkpoints: {found.weights}", highlight=False, soft_wrap=True)


def _table(metrics: Mapping[str, float], part: str) -> Table:
    made = Table(title=f"{part} clips: {metrics[f'{part}.clips']:.0f}")
    for column in ("figure", "before", "after"):
        made.add_column(column)
    for name in ("accuracy", "uar", "loss", "ece"):
        before, after = metrics[f"{part}.before_{name}"], metrics[f"{part}.{name}"]
        made.add_row(name, f"{before:.3f}", f"{after:.3f}")
    return made
