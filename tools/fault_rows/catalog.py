"""All faults of all rows, in the order of the table."""

from collections.abc import Mapping

from tools.fault_rows import (
    buses,
    calls,
    cameras,
    disks,
    hostile,
    machines,
    networks,
    pictures,
    sounds,
    speech,
    starts,
    times,
    values,
    whole,
    workers,
)
from tools.fault_rows.registry import Fault, registered

MODULES = (
    pictures,
    cameras,
    sounds,
    times,
    speech,
    workers,
    values,
    starts,
    disks,
    calls,
    networks,
    hostile,
    buses,
    machines,
    whole,
)


def all_faults() -> Mapping[str, Fault]:
    """Every fault by name, ordered by row."""
    found = sorted(registered().values(), key=lambda fault: fault.row)
    return {fault.name: fault for fault in found}


def in_running_order() -> list[Fault]:
    """Every fault; those in real time come last and as their modules order them.

    The engine then starts once, and takes no time from the others; and a worker's turns lie apart,
    since its back-off doubles with each death within a minute.
    """
    modules = [module.__name__ for module in MODULES]

    def place(fault: Fault) -> tuple[bool, int, int]:
        real = fault.level in ("P", "N")
        return real, modules.index(fault.run.__module__) if real else 0, 0 if real else fault.row

    return sorted(registered().values(), key=place)
