from pathlib import Path

import pytest

from tacit.pipeline.faults.outcome import Limits, Outcome
from tests.fakes.fault_runs import no_rig
from tools.fault_rows.registry import Fault, Setting, fault, registered

pytestmark = pytest.mark.unit


def test_what_goes_wrong_inside_a_scenario_is_a_failure_of_that_fault(tmp_path: Path) -> None:
    def broken(_setting: Setting) -> Outcome:
        raise OSError("no such thing")

    verdict = Fault("x", 1, "U", Limits(), broken).judge(Setting(tmp_path, no_rig))
    assert verdict.status == "FAIL"
    assert "the scenario ran: OSError: no such thing" in verdict.line()


def test_two_faults_of_one_name_are_a_mistake() -> None:
    import tools.fault_rows.pictures  # noqa: F401

    assert "camera-frozen" in registered()
    with pytest.raises(AssertionError, match="two faults are called camera-frozen"):
        fault(1, "camera-frozen", "U")(lambda _setting: Outcome())
