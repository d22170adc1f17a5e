import json

import pytest

from tools.health_fit import THRESHOLDS
from tools.health_page import PAGE, rendered

REPORT = PAGE.parent.parent / "results" / "health" / "detection.json"


def test_the_page_shows_what_was_measured_and_nothing_else() -> None:
    page = PAGE.read_text(encoding="utf-8")
    report = json.loads(REPORT.read_text(encoding="utf-8"))
    assert rendered(page, report) == page


def test_the_shipped_thresholds_are_those_that_were_measured() -> None:
    report = json.loads(REPORT.read_text(encoding="utf-8"))
    shipped = {row["threshold"]: row["shipped"] for row in report["thresholds"]}
    assert shipped == {limit.name: limit.shipped for limit in THRESHOLDS}
    for row in report["thresholds"]:
        low, high = sorted((row["clean"], row["fault"]))
        assert row["apart"]
        assert low < row["shipped"] < high


def test_the_figures_hold_what_is_promised() -> None:
    report = json.loads(REPORT.read_text(encoding="utf-8"))
    for part in ("fit", "held_out"):
        for stream in ("clean_audio", "clean_face"):
            assert report[part][stream]["per_minute"] <= 0.1
    assert report["voices"]["per_minute"] <= 0.1
    rows = report["held_out"]["faults"]
    assert sum(row["found"] for row in rows) >= 0.99 * sum(row["trials"] for row in rows)


def test_a_page_without_a_place_is_no_page() -> None:
    with pytest.raises(ValueError, match="transitions"):
        rendered("# nothing", json.loads(REPORT.read_text(encoding="utf-8")))
