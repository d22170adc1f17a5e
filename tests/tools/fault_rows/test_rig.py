from pathlib import Path

import pytest

from tests.fakes.fault_runs import rig, run_patiently
from tests.fakes.small_session import packets, run
from tools.fault_rows.rig import Hearing, Person, Rig, alive, is_result, reads, resident_mib

__all__ = ["rig"]
pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.parametrize(
    "name",
    ["face-killed", "peer-closes", "bus-reader-late", "loop-stalls", "descriptors-run-out"],
)
def test_faults_in_real_time_come_about_and_pass(name: str, tmp_path: Path, rig: Rig) -> None:
    run_patiently(name, tmp_path, rig)


def test_a_person_is_read_and_its_windows_are_whole(rig: Rig) -> None:
    person = rig.play()
    assert person.wait(reads("face")) is not None
    person.stop()
    assert person.missing() == 0
    assert person.events[-1].event.type == "session.closed"
    assert person.wait(reads("text"), 0, 0.0) is None


def test_forgotten_windows_still_count() -> None:
    first, second, third, last = [e for e in run(packets(4.0)) if is_result(e)][:4]
    hearing = Hearing()
    person = Person(hearing, "s1", lambda: None)
    for event in (first, second, last):
        hearing.events("s1", [event])
    assert person.missing() == 1
    person.forget(person.events[2].at_ns)
    assert [marked.event for marked in person.events] == [last]
    assert person.missing() == 1
    hearing.events("s1", [third])
    assert person.missing() == 0


def test_small_things() -> None:
    assert resident_mib() > 10
    assert not alive(2**22 + 1)
