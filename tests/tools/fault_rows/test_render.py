from typing import Any

import pytest

from tools.fault_rows.render import render_page, where
from tools.fault_rows.table import ROWS

pytestmark = pytest.mark.unit

ABOUT = {
    "date": "2026-01-02", "cores": 2, "system": "Linux x86_64", "python": "3.11.2",
    "load_1min": 0.4, "took_s": 300,
}  # fmt: skip


def line(**changes: Any) -> dict[str, Any]:
    fields = {
        "fault": "camera-frozen", "row": 2, "level": "V", "status": "pass", "detected_ms": 570.0,
        "detect_limit_ms": 600, "recovered_ms": 50.0, "recover_limit_ms": 200, "gap_hops": 1.04,
        "gap_limit_hops": 2, "drops": {"masked": 5}, "failures": [], "skipped": "", "took_s": 1.0,
        "checks": [{"name": "no window is missing", "passed": True, "found": "0"}],
    }  # fmt: skip
    return fields | changes


def test_every_row_and_every_measured_figure_is_on_the_page() -> None:
    page = render_page([ABOUT, line(), line(fault="other", row=50, status="FAIL")])
    for number, row in ROWS.items():
        assert f"| **{number}** | | **{row.fault}**: {row.expected} |" in page
    assert "| `camera-frozen` | 570 ≤ 600 | 50 ≤ 200 | 1.04 ≤ 2 | masked 5 | yes |" in page
    assert "| `other` | 570 ≤ 600 | 50 ≤ 200 | 1.04 ≤ 2 | masked 5 | **no** |" in page
    assert "2 faults of 2 rows in 300 s: 1 within all limits, 1 not, 0 not run." in page
    assert "- `camera-frozen`: no window is missing (0)" in page
    assert where(ABOUT) in page
    assert "Workers under attack" not in page


def test_a_check_that_does_not_hold_is_said_to() -> None:
    failed = {"name": "memory is flat", "passed": False, "found": "90 MiB more"}
    page = render_page([ABOUT, line(checks=[failed], detected_ms=None)])
    assert "**does not hold**: memory is flat (90 MiB more)" in page
    assert "never ≤ 600" in page


def test_a_campaign_has_a_section_of_its_own() -> None:
    campaign = ABOUT | {
        "times": 20,
        "summary": {
            "incidents": 240, "never_back": 0, "windows_missing": 0, "worst_gap_hops": 1.9,
            "orphans": 0, "grown": {"mib": 3.5, "descriptors": 0, "threads": 0}, "passed": True,
        },
        "incidents": [{"back_ms": ms} for ms in (2000, 3000, 9000)],
    }  # fmt: skip
    page = render_page([ABOUT, line()], campaign)
    assert "campaign --times 20" in page
    assert "| largest gap between results | 1.9 hops |" in page
    assert "+3.5 MiB, +0, +0" in page
    assert "3000 ms" in page
