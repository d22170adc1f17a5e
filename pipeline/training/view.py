"""Shows a training run in a terminal: a bar over the stages, one over the steps of the current."""

from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .curves import Point
from .ledger import Finished
from .run import Status

SHOWN: Final = 4
"""Figures named when a stage ends."""


class TrainView:
    """A view that draws bars on a terminal, and plain lines elsewhere.

    Args:
        console: where.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._whole = self._bars.add_task("stages", total=None)
        self._steps = self._bars.add_task("", total=None, visible=False)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def begin(self, stage: str, number: int, of: int) -> None:
        """A stage begins."""
        self._bars.update(self._whole, total=of, completed=number - 1)
        self._bars.reset(self._steps, description=stage, total=None, visible=True)

    def line(self, stage: str, text: str, point: Point | None) -> None:
        """A stage reports."""
        if point is not None:
            self._bars.update(self._steps, total=point.of, completed=point.step)
        self._say(f"{stage}: {text}")

    def end(self, stage: str, status: Status, finished: Finished) -> None:
        """A stage is finished."""
        self._bars.advance(self._whole)
        self._bars.update(self._steps, visible=False)
        chosen = [n for n in finished.figures if n.startswith("valid.")][:SHOWN]
        shown = ", ".join(f"{name} {finished.figures[name]:.3f}" for name in chosen)
        how = "already done" if status == "kept" else f"done in {finished.took_s:.0f} s"
        self._say(f"{stage}: {how}{'; ' if shown else ''}{shown}")

    def note(self, text: str) -> None:
        """Something that does not stop the run."""
        self._say(text)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
