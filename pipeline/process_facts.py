"""What the system knows of a process: whether it runs, on how much time and memory (Linux /proc).

Elsewhere nothing is known, and everything that depends on it goes by the clock alone.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NS_PER_S: Final = 1_000_000_000
_STATE, _USER, _SYSTEM, _STARTED = 0, 11, 12, 19
"""Places in /proc/PID/stat behind the name, proc(5)."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What a process was doing at one moment.

    Attributes:
        state: letter of proc(5): R runs or wants to, S sleeps, D waits for a disk, T was stopped.
        cpu_ns: processor time that it has had so far, all threads together.
    """

    state: str
    cpu_ns: int


def activity(pid: int) -> Activity | None:
    """What a process is doing; None where that is not known."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    # The name is in parentheses and may hold anything, parentheses included.
    fields = text.rpartition(")")[2].split()
    if len(fields) <= _STARTED:
        return None
    ticks = int(fields[_USER]) + int(fields[_SYSTEM])
    return Activity(fields[_STATE], ticks * NS_PER_S // os.sysconf("SC_CLK_TCK"))


def memory_bytes(pid: int, limit: int) -> int:
    """Memory of a process: its proportional share (PSS), which counts shared pages once.

    Reading that is costly, so it is done only for a process whose resident size, which is never
    smaller, is over the limit.

    Args:
        pid: the process.
        limit: bytes that matter.

    Returns:
        bytes; 0 where it is not known.
    """
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        resident = pages * os.sysconf("SC_PAGE_SIZE")
        return resident if resident <= limit else _proportional(pid)
    except (OSError, ValueError, IndexError):
        return 0


def _proportional(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(":")
        if name == "Pss":
            return int(rest.split()[0]) * 1024
    return 0
