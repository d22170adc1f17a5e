"""Shows a training run in a terminal: a bar over the stages, one over the steps of the current."""

from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

from ..progress import BarView
from .curves import Point
from .ledger import Finished
from .run import Status

SHOWN: Final = 4
"""Figures named when a stage ends."""


class TrainView(BarView):
    """Bars over the stages and the steps.

    Args:
        console: where.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(
            console,
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._whole = self._bars.add_task("stages", total=None)
        self._steps = self._bars.add_task("", total=None, visible=False)

    def begin(self, stage: str, number: int, of: int) -> None:
        """A stage begins."""
        self._bars.update(self._whole, total=of, completed=number - 1)
        self._bars.reset(self._steps, description=stage, total=None, visible=True)

    def line(self, stage: str, text: str, point: Point | None) -> None:
        """A stage reports."""
        if point is not None:
            self._bars.update(self._steps, total=point.of, completed=point.step)
        self.say(f"{stage}: {text}")

    def end(self, stage: str, status: Status, finished: Finished) -> None:
        """A stage is finished."""
        self._bars.advance(self._whole)
        self._bars.update(self._steps, visible=False)
        chosen = [n for n in finished.figures if n.startswith("valid.")][:SHOWN]
        shown = ", ".join(f"{name} {finished.figures[name]:.3f}" for name in chosen)
        how = "already done" if status == "kept" else f"done in {finished.took_s:.0f} s"
        self.say(f"{stage}: {how}{'; ' if shown else ''}{shown}")

    def note(self, text: str) -> None:
        """Something that does not stop the run."""
        self.say(text)
