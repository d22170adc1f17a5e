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
        weights: each stage's checkpoint is the folder of its name in it.
        cache: for what can be computed again, shared by all stages.
        threads: of torch.
    """

    root: Path
    weights: Path
    cache: Path
    threads: int = 1


Trainer = Callable[[Place, Any, Progress], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the whole training.

    Attributes:
        name: of its section in the settings, and of the folder that it writes.
        settings: gives the class of its settings, a frozen dataclass; imported when it is needed.
        train: trains and writes `place.weights / name`; returns figures by name.
        needs: stages whose checkpoints it reads; all of them come before it.
        fixed: fields of the settings that the run decides (places), not a settings file.
    """

    name: str
    settings: Callable[[], type]
    train: Trainer
    needs: tuple[str, ...] = ()
    fixed: frozenset[str] = frozenset()


def in_order(stages: Mapping[str, Stage], wanted: tuple[str, ...]) -> list[Stage]:
    """The wanted stages in the order of the table; all for an empty tuple."""
    return [stage for name, stage in stages.items() if not wanted or name in wanted]


@functools.cache
def stage_class(stage: Stage) -> type:
    """Class of a stage's settings; costs the import of its module once."""
    return stage.settings()
