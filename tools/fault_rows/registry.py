"""The faults that can be run, by name; each row module adds its own."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tacit.pipeline.faults.outcome import Level, Limits, Outcome, Verdict

if TYPE_CHECKING:
    from tools.fault_rows.rig import Rig


@dataclass(frozen=True, slots=True)
class Setting:
    """What a scenario may use.

    Attributes:
        folder: empty folder for files.
        rig: gives the started engine with its real workers, shared by all that use it.
    """

    folder: Path
    rig: "Callable[[], Rig]"


Scenario = Callable[[Setting], Outcome]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that can be run.

    Attributes:
        name: short, for the command line.
        row: number in the fault table.
        level: how it is injected.
        limits: what it may cost.
        run: brings it about and measures.
    """

    name: str
    row: int
    level: Level
    limits: Limits
    run: Scenario

    def judge(self, setting: Setting) -> Verdict:
        """Run it; what goes wrong inside is a failed check, so that the others still run."""
        began_s = time.monotonic()
        try:
            outcome = self.run(setting)
        except Exception as exc:  # noqa: BLE001 - one broken scenario must not hide the others
            outcome = Outcome()
            outcome.check("the scenario ran", False, f"{type(exc).__name__}: {exc}")
        took_s = time.monotonic() - began_s
        return Verdict(self.name, self.row, self.level, self.limits, outcome, took_s)


_FAULTS: Final[dict[str, Fault]] = {}


def fault(
    row: int,
    name: str,
    level: Level,
    *,
    detect_ms: float | None = None,
    recover_ms: float | None = None,
    gap_hops: float | None = None,
) -> Callable[[Scenario], Scenario]:
    """Decorator: add a scenario to the registry."""

    def add(run: Scenario) -> Scenario:
        assert name not in _FAULTS, f"two faults are called {name}"
        _FAULTS[name] = Fault(name, row, level, Limits(detect_ms, recover_ms, gap_hops), run)
        return run

    return add


def registered() -> Mapping[str, Fault]:
    """All faults of the modules that were imported, by name."""
    return _FAULTS
