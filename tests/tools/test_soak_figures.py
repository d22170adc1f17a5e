import math
from typing import Any

import numpy as np
import pytest

from tools.soak_figures import fit, growth, verdict


def test_a_line_is_found_in_spite_of_noise_and_jumps() -> None:
    rng = np.random.default_rng(3)
    times = np.arange(0, 1800, 5.0)
    values = 900 + 12.0 * times / 3600 + rng.normal(0, 0.5, times.size)
    values[100:106] += 80
    line = fit(times.tolist(), values.tolist())
    assert line.points == 60
    assert line.low <= 12.0 <= line.high
    assert line.per_h == pytest.approx(12.0, abs=1.5)


def test_too_few_points_have_no_slope() -> None:
    line = fit([0, 5, 10], [1, 2, 3])
    assert math.isnan(line.per_h)
    assert line.as_json() == {"per_h": None, "low": None, "high": None, "points": 1}


def test_growth_is_what_the_end_has_more() -> None:
    assert growth([5, 5, 5, 90, 5, 5, 5, 5]) == 0
    assert growth([5, 5, 5, 5, 6, 6, 7, 7]) == 2


def samples(slope_mb_h: float, **more: list[float]) -> list[dict[str, float]]:
    found = []
    for k in range(360):
        t_s = 5.0 * k
        sample = {"t_s": t_s, "rss_mb": 900 + slope_mb_h * t_s / 3600, "pss_mb": 500.0}
        sample |= {"fds": 40.0, "threads": 20.0, "tasks": 12.0}
        found.append(sample | {name: values[k] for name, values in more.items()})
    return found


def met(report: dict[str, Any]) -> dict[str, bool]:
    return {check["what"]: check["met"] for check in report["checks"]}


def test_a_flat_run_without_losses_passes() -> None:
    report = verdict(samples(0.2), {"results lost": 0})
    assert report["passed"]
    assert all(met(report).values())
    assert report["checks"][0]["certain"]
    assert report["lines"]["rss_mb"]["per_h"] == pytest.approx(0.2)


def test_whatever_grows_or_is_lost_fails_by_name() -> None:
    leaking = [30.0 + k // 90 for k in range(360)]
    report = verdict(samples(5.0, fds=leaking), {"results lost": 3})
    assert not report["passed"]
    bad = [what for what, fine in met(report).items() if not fine]
    assert bad == ["RSS slope, MB/h", "more fds", "results lost"]
    assert not verdict(samples(0.0)[:3], {})["passed"]
