import tempfile

import pytest

from tacit.pipeline.faults.outcome import Limits, Outcome, Verdict, drops_text

pytestmark = pytest.mark.unit


def verdict(outcome: Outcome, limits: Limits | None = None) -> Verdict:
    return Verdict("face-lost", 3, "V", limits or Limits(500, 2000, 2), outcome, 1.5)


def test_within_all_limits_it_passes() -> None:
    found = verdict(Outcome(400.0, 2000.0, 1.04, {"late": 2}))
    assert found.status == "pass"
    words = " ".join(found.line().split())
    assert words == (
        "3 V face-lost detected 400 of 500 ms recovered 2000 of 2000 ms gap 1.04 of 2 hops "
        "drops late 2 pass"
    )


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome(501.0, 1.0, 1.0), "detected: 501 ms, at most 500"),
        (Outcome(None, 1.0, 1.0), "detected: never"),
        (Outcome(1.0, 2500.0, 1.0), "recovered: 2500 ms, at most 2000"),
        (Outcome(1.0, 1.0, 2.5), "gap: 2.5 hops, at most 2"),
        (Outcome(1.0, 1.0, None), "gap: never"),
    ],
)
def test_a_broken_limit_is_named(outcome: Outcome, words: str) -> None:
    found = verdict(outcome)
    assert found.status == "FAIL"
    assert words in found.line()
    assert found.as_json()["failures"] == [words]


def test_a_check_that_fails_fails_the_fault() -> None:
    outcome = Outcome()
    outcome.check("no window is missing", False, 3)
    found = verdict(outcome, Limits())
    assert found.status == "FAIL"
    assert found.line().endswith("FAIL: no window is missing: 3")


def test_what_could_not_be_run_neither_passes_nor_fails() -> None:
    found = verdict(Outcome(skipped="needs root"))
    assert found.status == "skipped"
    assert found.line().endswith("skipped: needs root")
    assert found.as_json()["failures"] == []


def test_drops_are_told_by_reason_and_none_as_a_dash() -> None:
    assert drops_text({"late": 2, "masked": 0, "overflow": 1}) == "late 2, overflow 1"
    assert drops_text({}) == "-"


def test_findings_name_no_folder_of_this_machine() -> None:
    outcome = Outcome()
    outcome.check("refused", True, f"{tempfile.gettempdir()}/tmpab12/30/s.mcap: no room")
    assert outcome.checks[0].found == "30/s.mcap: no room"
