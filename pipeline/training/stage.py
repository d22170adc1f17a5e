"""What a training stage is: a plain entry that says what it needs and how it is run."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage reads and writes.

    Attributes:
        root: the data folder.
        weights: the checkpoints of all stages, a folder each.
        parts: what a stage keeps of itself to go on after an interruption.
        cache: for what can be computed again, shared by all stages.
        threads: of torch.
    """

    root: Path
    weights: Path
    parts: Path
    cache: Path
    threads: int = 1


Trainer = Callable[[Place, Any, Progress], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the whole training.

    Attributes:
        name: of its section in the settings.
        settings: gives the class of its settings, a frozen dataclass; imported when it is needed.
        train: trains and writes its checkpoints below `place.weights`; returns figures by name.
        needs: stages whose checkpoints it reads; all of them come before it.
        writes: folders below `place.weights` that are its checkpoints; its name if left out.
        fixed: settings that the run decides (places), by dotted path; not for a settings file.
    """

    name: str
    settings: Callable[[], type]
    train: Trainer
    needs: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    fixed: frozenset[str] = frozenset()

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """Names of the folders that it writes."""
        return self.writes or (self.name,)


def in_order(stages: Mapping[str, Stage], wanted: tuple[str, ...]) -> list[Stage]:
    """The wanted stages in the order of the table; all for an empty tuple."""
    return [stage for name, stage in stages.items() if not wanted or name in wanted]


@functools.cache
def stage_class(stage: Stage) -> type:
    """Class of a stage's settings; costs the import of its module once."""
    return stage.settings()
