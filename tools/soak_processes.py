"""What a family of processes holds at a moment: memory, open files, threads, processor time."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_TICK_HZ: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process, or several together, hold.

    Attributes:
        rss_mb: resident memory, MiB; pages that processes share count in each.
        pss_mb: the same, shared pages split among those that share them.
        fds: open files.
        threads: of all of them.
        cpu_s: processor time since they began.
    """

    rss_mb: float = 0.0
    pss_mb: float = 0.0
    fds: int = 0
    threads: int = 0
    cpu_s: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.rss_mb + other.rss_mb,
            self.pss_mb + other.pss_mb,
            self.fds + other.fds,
            self.threads + other.threads,
            self.cpu_s + other.cpu_s,
        )


def usage(pid: int) -> Usage:
    """What a process holds.

    Raises:
        OSError: it has ended, or belongs to somebody else.
    """
    place = PROC / str(pid)
    memory = _fields((place / "smaps_rollup").read_text())
    stat = (place / "stat").read_text().rsplit(")", 1)[1].split()
    return Usage(
        rss_mb=memory["Rss"] / 1024,
        pss_mb=memory["Pss"] / 1024,
        fds=sum(1 for _ in (place / "fd").iterdir()),
        threads=int(stat[17]),
        cpu_s=(int(stat[11]) + int(stat[12])) / _TICK_HZ,
    )


def family(pid: int) -> dict[int, str]:
    """A process and all that it started, directly or not, with short names; it comes first."""
    children: dict[int, list[int]] = {}
    for place in PROC.iterdir():
        if place.name.isdigit():
            parent = _parent(place)
            if parent is not None:
                children.setdefault(parent, []).append(int(place.name))
    found = {pid: _name(pid)}
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found[child] = _name(child)
            waiting.append(child)
    return found


def total(usages: Iterable[Usage]) -> Usage:
    """The sum of several."""
    found = Usage()
    for each in usages:
        found += each
    return found


def _fields(text: str) -> dict[str, int]:
    """Numbers of a file of lines such as `Rss: 12 kB`."""
    found = {}
    for line in text.splitlines()[1:]:
        name, _, rest = line.partition(":")
        found[name] = int(rest.split()[0])
    return found


def _parent(place: Path) -> int | None:
    try:
        return int((place / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


def _name(pid: int) -> str:
    """The worker's name for a worker, otherwise the program's."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "ended"
    for module, name in (("tacit.pipeline.worker", ""), ("tacit.pipeline.cli", "server")):
        if module in words:
            return name or words[words.index(module) + 1]
    return Path(words[0]).name
