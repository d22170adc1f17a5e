"""Shows a batch in the terminal: a bar with the time left, and failures as they happen."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from ..progress import BarView
from .inputs import BatchInput
from .reading import Outcome


class BatchBar(BarView):
    """A progress bar; without a terminal, only lines for what fails.

    The bar counts bytes, because one long recording takes as long as many short ones; the numbers
    beside it count inputs.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(
            console,
            TextColumn("{task.fields[inputs]}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[failed]}", style="red"),
        )
        self._task: TaskID | None = None
        self._sizes: dict[str, int] = {}
        self._shares: dict[str, float] = {}
        self._ended = 0
        self._failed = 0

    def begin(self, inputs: list[BatchInput]) -> None:
        """These will be read."""
        self._sizes = {source.id: max(source.bytes, 1) for source in inputs}
        total = sum(self._sizes.values())
        self._task = self._bars.add_task("", total=total, inputs="", failed="")
        self._show()

    def share(self, source: BatchInput, share: float) -> None:
        """So much of an input has been read, 0 to 1."""
        self._shares[source.id] = share
        self._show()

    def ended(self, outcome: Outcome) -> None:
        """An input has been read, was read before, or failed."""
        self._shares[outcome.id] = 1.0
        self._ended += 1
        if outcome.status == "failed":
            self._failed += 1
            self.say(f"failed: {outcome.input}: {outcome.error}")
        self._show()

    def _show(self) -> None:
        if self._task is None:
            return
        done = sum(self._sizes[name] * share for name, share in self._shares.items())
        self._bars.update(
            self._task,
            completed=done,
            inputs=f"{self._ended}/{len(self._sizes)}",
            failed=f"{self._failed} failed" if self._failed else "",
        )
