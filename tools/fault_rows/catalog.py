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
