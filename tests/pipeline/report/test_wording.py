import pytest

from tacit.pipeline.health_rules import HealthState
from tacit.pipeline.quality import QualityFlag
from tacit.pipeline.report.wording import (
    REASONS,
    STATES,
    clock,
    duration,
    percent,
    reason_in_words,
    why_unmeasured,
)


def test_every_state_and_quality_flag_has_words() -> None:
    assert set(STATES) == set(HealthState)
    assert {str(flag) for flag in QualityFlag} <= set(REASONS)


def test_an_unknown_reason_is_given_as_it_is() -> None:
    assert reason_in_words("lens_cap_on") == "lens cap on"
    assert reason_in_words(None) == ""


def test_why_there_is_nothing_without_a_reason() -> None:
    assert why_unmeasured("text", None) == "nothing was said"
    assert "too little" in why_unmeasured("face", None)
    assert why_unmeasured("text", "stalled") == REASONS["stalled"]


@pytest.mark.parametrize(
    ("t_ms", "text"),
    [(0, "0:00.0"), (59_960, "1:00.0"), (61_500, "1:01.5"), (3_600_000, "1:00:00.0")],
)
def test_times(t_ms: int, text: str) -> None:
    assert clock(t_ms) == text


def test_lengths_and_shares() -> None:
    assert duration(1500) == "1.5 s"
    assert duration(125_000) == "2 min 5 s"
    assert duration(3_720_000) == "1 h 2 min"
    assert percent(None) == "not measured"
    assert percent(0.0) == "0 %"
