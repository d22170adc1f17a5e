from dataclasses import replace
from typing import Any

import pytest

from tacit.models.errors import ModelError
from tacit.models.recovery.plan import GAPS, GapSetting, RecoveryPlan, gap_name
from tests.fakes.recoveries import plan


def test_there_are_twelve_gaps_and_none_is_measured_and_lost() -> None:
    assert len(GAPS) == 12
    assert all(not set(measured) & set(lost) for measured, lost in GAPS.values())
    assert gap_name({"text", "audio"}, {"face"}) == "audio+text|face"


def test_a_plan_survives_its_manifest() -> None:
    fields = {**plan().as_dict(), "training": {"anything": 1}}
    assert RecoveryPlan.from_dict(fields) == plan()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 0}, "0 samples"),
        ({"samples": 1000}, "1000 samples"),
        ({"steps": 3}, "3 steps"),
        ({"spread_limit": 0.0}, "spread_limit"),
        ({"spread_limit": float("nan")}, "spread_limit"),
        ({"gaps": {}}, "gaps are"),
        ({"gaps": None}, "does not fit"),
        ({"network": {"dims": {"audio": 3}}}, "recovery of"),
        ({"hidden": "wide"}, "does not fit"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        RecoveryPlan.from_dict({**plan().as_dict(), **change})


def test_a_missing_field_is_named() -> None:
    fields = plan().as_dict()
    del fields["fusion"]
    with pytest.raises(ModelError, match="fusion"):
        RecoveryPlan.from_dict(fields)


@pytest.mark.parametrize("name", ["samples", "mixed"])
def test_temperatures_have_a_range(name: str) -> None:
    with pytest.raises(ModelError, match=f"temperature {name} is 0"):
        replace(GapSetting(1.0, 1.0, True), **{name: 0.0})  # type: ignore[arg-type]
