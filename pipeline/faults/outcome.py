"""What a fault did, against what it may do: times, gaps, drops and further findings."""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Level = Literal["U", "V", "P", "N"]
LEVELS: Final[Mapping[Level, str]] = {
    "U": "one part alone, time by hand",
    "V": "the whole live graph in virtual time",
    "P": "real processes in real time",
    "N": "real processes with a network or file system of their own",
}
MOST_GAP_HOPS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a fault may cost at most.

    Attributes:
        detect_ms: from its beginning until it is said.
        recover_ms: from its end until what the sensor gives is used again.
        gap_hops: between two results, in hops of the windows; None where there are no results.
    """

    detect_ms: float | None = None
    recover_ms: float | None = None
    gap_hops: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to hold besides the limits.

    Attributes:
        name: what, as a statement.
        passed: whether it held.
        found: the figures behind it.
    """

    name: str
    passed: bool
    found: str = ""


@dataclass(slots=True)
class Outcome:
    """What was measured.

    Attributes:
        detected_ms: see `Limits`; None when it never was, or is not asked.
        recovered_ms: see `Limits`.
        gap_hops: largest distance between two results, in hops.
        drops: pieces that were lost, by reason.
        checks: what else had to hold.
        skipped: why it could not be run here; empty when it was.
    """

    detected_ms: float | None = None
    recovered_ms: float | None = None
    gap_hops: float | None = None
    drops: dict[str, int] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    skipped: str = ""

    def check(self, name: str, passed: bool, found: object = "") -> None:
        """Note one more thing that has to hold."""
        self.checks.append(Check(name, bool(passed), without_place(str(found))))

    def failures(self, limits: Limits) -> list[str]:
        """Everything that went wrong, in words."""
        pairs = (
            ("detected", self.detected_ms, limits.detect_ms, "ms"),
            ("recovered", self.recovered_ms, limits.recover_ms, "ms"),
            ("gap", self.gap_hops, limits.gap_hops, "hops"),
        )
        found = []
        for name, value, limit, unit in pairs:
            if limit is None:
                continue
            if value is None:
                found.append(f"{name}: never")
            elif value > limit:
                found.append(f"{name}: {value:.4g} {unit}, at most {limit:g}")
        return found + [f"{c.name}: {c.found or 'no'}" for c in self.checks if not c.passed]


def without_place(text: str) -> str:
    """A text whose paths begin within their temporary folder, which says nothing elsewhere."""
    return re.sub(re.escape(tempfile.gettempdir()) + r"/[^/\s]+/", "", text)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One fault that was run.

    Attributes:
        fault: its name.
        row: number in the fault table; None for one of no table.
        level: how it was injected.
        limits: what it may cost.
        outcome: what it cost.
        took_s: how long the run took.
    """

    fault: str
    row: int | None
    level: Level
    limits: Limits
    outcome: Outcome
    took_s: float = 0.0

    @property
    def status(self) -> str:
        """In one word: "pass", "FAIL" or "skipped"."""
        if self.outcome.skipped:
            return "skipped"
        return "FAIL" if self.outcome.failures(self.limits) else "pass"

    def line(self) -> str:
        """All of it in one line."""
        outcome, limits = self.outcome, self.limits
        parts = [
            f"{self.row or '':>2} {self.level} {self.fault:<26}",
            f"detected {_of(outcome.detected_ms, limits.detect_ms, 'ms'):<16}",
            f"recovered {_of(outcome.recovered_ms, limits.recover_ms, 'ms'):<16}",
            f"gap {_of(outcome.gap_hops, limits.gap_hops, 'hops'):<14}",
            f"drops {drops_text(outcome.drops)}",
        ]
        text = "  ".join(parts) + f"  {self.status}"
        if self.status == "FAIL":
            text += ": " + "; ".join(outcome.failures(limits))
        return text + (f": {outcome.skipped}" if outcome.skipped else "")

    def as_json(self) -> dict[str, Any]:
        """All of it as a JSON object."""
        outcome, limits = self.outcome, self.limits
        return {
            "fault": self.fault,
            "row": self.row,
            "level": self.level,
            "status": self.status,
            "detected_ms": _rounded(outcome.detected_ms),
            "detect_limit_ms": limits.detect_ms,
            "recovered_ms": _rounded(outcome.recovered_ms),
            "recover_limit_ms": limits.recover_ms,
            "gap_hops": None if outcome.gap_hops is None else round(outcome.gap_hops, 2),
            "gap_limit_hops": limits.gap_hops,
            "drops": outcome.drops,
            "checks": [
                {"name": c.name, "passed": c.passed, "found": c.found} for c in outcome.checks
            ],
            "failures": [] if outcome.skipped else outcome.failures(limits),
            "skipped": outcome.skipped,
            "took_s": round(self.took_s, 2),
        }


def drops_text(drops: Mapping[str, int]) -> str:
    """Drops by reason in words; "-" for none."""
    return ", ".join(f"{reason} {count}" for reason, count in drops.items() if count) or "-"


def _of(value: float | None, limit: float | None, unit: str) -> str:
    if value is None:
        return "-" if limit is None else f"never of {limit:g} {unit}"
    shown = f"{value:.3g}" if value < 100 else f"{value:.0f}"
    return f"{shown} {unit}" if limit is None else f"{shown} of {limit:g} {unit}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
