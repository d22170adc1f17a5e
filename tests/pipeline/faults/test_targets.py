from pathlib import Path

import pytest

from tacit.pipeline.config import Settings
from tacit.pipeline.faults.sensors import SENSOR_FAULTS, FaultError
from tacit.pipeline.faults.targets import Recording, Server, When
from tests.fakes.fault_runs import rig
from tools.fault_rows.rig import Rig

__all__ = ["rig"]
pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]
FROZEN = SENSOR_FAULTS["camera-frozen"]


def test_a_sensor_of_a_recording_is_broken_and_judged(sample: Path) -> None:
    verdict = Recording(sample, Settings(asr="off")).run(FROZEN, When(4, 3))
    assert verdict.status == "pass", verdict.line()
    assert verdict.outcome.gap_hops == 1


def test_a_recording_that_is_too_short_is_refused(sample: Path) -> None:
    with pytest.raises(FaultError, match="needs 44 s: choose --at and --for"):
        Recording(sample, Settings(asr="off")).run(FROZEN, When(40, 3))


def test_a_session_of_a_server_is_broken_and_judged(rig: Rig) -> None:
    verdict = Server(rig.server.url).run(FROZEN, When(5, 3))
    assert verdict.outcome.detected_ms is not None, verdict.line()
    assert verdict.outcome.recovered_ms is not None, verdict.line()
    person = rig.play()
    with pytest.raises(FaultError, match="runs not"):
        Server(rig.server.url, session="other").run(FROZEN, When(0, 1))
    person.stop()


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(FaultError, match="is `tacit serve` running there"):
        Server("http://127.0.0.1:9").run(FROZEN, When(0, 1))
