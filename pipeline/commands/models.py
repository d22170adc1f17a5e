"""`tacit models`: the weights that are here, and those that can be had."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ..config import load_settings
from ..doctor import checkpoints, summary
from ..pull import pull
from .options import ConfigOption, WeightsOption

models_app = typer.Typer(help="The models that ship with Tacit.", no_args_is_help=True)


@models_app.command("info")
def models_info(weights: WeightsOption = None, config: ConfigOption = None) -> None:
    """Show the checkpoints in use: figures on test data, training data, licence, hash."""
    folder = load_settings(config, {"weights": weights}).weights
    console = Console()
    for kind in checkpoints(folder):
        table = Table(show_header=False, box=None, padding=(0, 2))
        for name, value in summary(kind, folder).items():
            table.add_row(name, value)
        console.print(table)
        console.print()
    console.print(f"Model cards: {folder}/*/card.md", soft_wrap=True)


@models_app.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument(help="For example whisper-base; needs the network.")],
) -> None:
    """Fetch Whisper weights for speech to text, and check their hashes."""
    pull(name, typer.echo)
