"""Shows a comparison in a terminal: a bar with the time left, and a line for each cell."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class BenchmarkView:
    """A bar on a terminal, plain lines elsewhere.

    Args:
        console: where.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("[bold]cells"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            # Cells differ a hundredfold in cost: the last few say little.
            speed_estimate_period=3600.0,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("cells", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def begin(self, done: int, total: int) -> None:
        """See `run.View.begin`."""
        self._bar.update(self._task, total=total, completed=done)
        self._say(f"{done} of {total} cells are finished already" if done else f"{total} cells")

    def line(self, text: str, done: int) -> None:
        """See `run.View.line`."""
        self._bar.update(self._task, completed=done)
        self._say(f"{done}: {text}")

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
