"""Shows a comparison in a terminal: a bar with the time left, and a line for each cell."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ..progress import BarView


class BenchmarkView(BarView):
    """A bar over the cells.

    Args:
        console: where.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(
            console,
            TextColumn("[bold]cells"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            # Cells differ a hundredfold in cost: the last few say little.
            speed_s=3600.0,
        )
        self._task = self._bars.add_task("cells", total=None)

    def begin(self, done: int, total: int) -> None:
        """See `run.View.begin`."""
        self._bars.update(self._task, total=total, completed=done)
        self.say(f"{done} of {total} cells are finished already" if done else f"{total} cells")

    def line(self, text: str, done: int) -> None:
        """See `run.View.line`."""
        self._bars.update(self._task, completed=done)
        self.say(f"{done}: {text}")
