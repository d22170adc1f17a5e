"""A workbench that knows what each model cost to train, though models share parts.

The cost of a model is its own work and that of every part it rests on, as if it had been trained
alone; a part that two models share counts for both.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

from ..study.workbench import Build, Task, Workbench
from ..zoo.interface import Recogniser

PARTS: Final = frozenset(
    name for name, value in vars(Workbench).items() if isinstance(value, cached_property)
)


class Ledger(Workbench):
    """See the module's description.

    Args:
        task: data and settings.
        clock: seconds of work.
    """

    def __init__(self, task: Task, clock: Callable[[], float]) -> None:
        super().__init__(task)
        self._clock = clock
        self._own: dict[str, float] = {}
        self._under: dict[str, set[str]] = {}
        self._open: list[tuple[set[str], list[float]]] = []

    def __getattribute__(self, name: str) -> Any:
        if name not in PARTS:
            return super().__getattribute__(name)
        if name in self._own:
            if self._open:
                self._open[-1][0].update({name}, self._under[name])
            return super().__getattribute__(name)
        value, took, under = self._timed(lambda: super(Ledger, self).__getattribute__(name))
        self._own[name], self._under[name] = took, under
        if self._open:
            self._open[-1][0].update({name}, under)
        return value

    def built(self, build: Build) -> tuple[Recogniser, float]:
        """A fitted model and what its training cost, in seconds of work."""
        model, took, under = self._timed(lambda: build(self))
        return model, took + sum(self._own[part] for part in under)

    def _timed(self, make: Callable[[], Any]) -> tuple[Any, float, set[str]]:
        """Make something; its own cost without that of parts made on the way, and those parts."""
        begin = self._clock()
        frame: tuple[set[str], list[float]] = (set(), [])
        self._open.append(frame)
        try:
            value = make()
        finally:
            self._open.pop()
        whole = self._clock() - begin
        if self._open:
            self._open[-1][1].append(whole)
        return value, whole - sum(frame[1]), frame[0]
