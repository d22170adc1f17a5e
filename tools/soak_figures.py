"""Whether something grows: fitted lines through samples of a long run, and what they say."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.stats import theilslopes

MOST_MB_PER_H: Final = 1.0
BLOCK_S: Final = 30.0
"""Samples of this long are one point of the fit: neighbours say much the same."""
CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Line:
    """A line through samples.

    Attributes:
        per_h: its slope per hour, by the median of all pairs' slopes (Theil 1950, Sen 1968), which
            a few odd samples do not move.
        low: lower end of the 95 % interval of the slope.
        high: its upper end.
        points: how many points it was fitted to.
    """

    per_h: float
    low: float
    high: float
    points: int

    def as_json(self) -> dict[str, float | None]:
        """Rounded; None where there is no number."""
        ends = {"per_h": self.per_h, "low": self.low, "high": self.high}
        rounded = {k: round(v, 3) if math.isfinite(v) else None for k, v in ends.items()}
        return {**rounded, "points": self.points}


def fit(times_s: Sequence[float], values: Sequence[float], block_s: float = BLOCK_S) -> Line:
    """Fit a line to samples.

    Args:
        times_s: when each was taken, ascending.
        values: as many.
        block_s: length of the stretches whose medians are the points.

    Returns:
        the line; without slope where there are less than three points.
    """
    blocks: dict[int, list[tuple[float, float]]] = {}
    for time_s, value in zip(times_s, values, strict=True):
        blocks.setdefault(int(time_s // block_s), []).append((time_s, value))
    points = [
        (statistics.fmean(t for t, _ in block), statistics.median(v for _, v in block))
        for block in blocks.values()
    ]
    if len(points) < 3:
        return Line(math.nan, -math.inf, math.inf, len(points))
    hours, heights = np.array(points).T / np.array([[3600.0], [1.0]])
    slope, _, low, high = theilslopes(heights, hours, CONFIDENCE)
    return Line(float(slope), float(low), float(high), len(points))


def growth(values: Sequence[float]) -> float:
    """How much higher the last quarter's median is than the first one's."""
    quarter = max(1, len(values) // 4)
    return statistics.median(values[-quarter:]) - statistics.median(values[:quarter])


def verdict(samples: Sequence[Mapping[str, float]], counts: Mapping[str, int]) -> dict[str, Any]:
    """What a run shows.

    Args:
        samples: taken after the warm-up, each with t_s, rss_mb, pss_mb, fds, threads, tasks.
        counts: what must not happen, by name, with how often it did.

    Returns:
        lines, the checks with limit and whether it was met, and whether all were. A slope is
        `certain` when its whole interval is on one side of the limit; a short run seldom is.
    """
    if len(samples) < 4:
        return {"passed": False, "checks": [], "lines": {}, "why": "too few samples: run longer"}
    times_s = [sample["t_s"] for sample in samples]
    lines = {
        name: fit(times_s, [sample[name] for sample in samples]) for name in ("rss_mb", "pss_mb")
    }
    rss = lines["rss_mb"]
    checks = [
        {
            "what": "RSS slope, MB/h",
            "value": rss.as_json()["per_h"],
            "most": MOST_MB_PER_H,
            "met": rss.per_h <= MOST_MB_PER_H,
            "certain": rss.high <= MOST_MB_PER_H or rss.low > MOST_MB_PER_H,
        }
    ]
    for name in ("fds", "threads", "tasks"):
        more = growth([sample[name] for sample in samples])
        checks.append({"what": f"more {name}", "value": more, "most": 0, "met": more <= 0})
    for name, count in counts.items():
        checks.append({"what": name, "value": count, "most": 0, "met": count == 0})
    return {
        "passed": all(check["met"] for check in checks),
        "checks": checks,
        "lines": {name: line.as_json() for name, line in lines.items()},
    }
