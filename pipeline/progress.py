"""What the views of long work in a terminal have in common: bars, and lines beside them."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, ProgressColumn


class BarView:
    """Bars on a terminal; plain lines elsewhere.

    Args:
        console: where.
        columns: of the bars.
        speed_s: how far back the estimate of the time left looks.
    """

    def __init__(self, console: Console, *columns: ProgressColumn, speed_s: float = 30.0) -> None:
        self._console = console
        self._bars = Progress(
            *columns,
            console=console,
            speed_estimate_period=speed_s,
            disable=not console.is_terminal,
        )

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

    def say(self, text: str) -> None:
        """A line, as it stands."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
