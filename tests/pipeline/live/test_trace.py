from dataclasses import dataclass
from typing import Any, cast

import pytest

from tacit.pipeline.intake import Jobs
from tacit.pipeline.job import STAMPS
from tacit.pipeline.live.trace import HOPS, Closing, Traces
from tacit.stream.packet import NS_PER_MS, Packet

MS = NS_PER_MS


@dataclass
class Window:
    t1_ns: int


@dataclass
class Closed:
    window: Window
    revision: int = 0


@dataclass
class Job:
    closed: Closed


def jobs(number: int, t1_ms: int, revision: int = 0) -> Jobs:
    return cast("Jobs", [(number, Job(Closed(Window(t1_ms * MS), revision)))])


def packet(t_end_ms: int, stamps: Any) -> Packet:
    return Packet(
        "feature", "face", "p", "f", 0, 0, (t_end_ms - 20) * MS, 20 * MS, 0, meta={STAMPS: stamps}
    )


def test_the_steps_follow_one_another_without_a_hole() -> None:
    traces = Traces()
    stamps = [1625 * MS, 1630 * MS, 1640 * MS]
    traces.closed(jobs(0, 500), Closing(1645 * MS, 1000 * MS, packet(620, stamps)))
    traces.reached(0, 1650 * MS)
    traces.reached(0, 1660 * MS)
    trace = traces.pop(500, 0)
    assert trace is not None
    latency = trace.latency_ms(1661 * MS)
    whole = latency.pop("capture_to_result")
    assert list(latency) == list(HOPS)
    assert list(latency.values()) == [120, 5, 5, 10, 5, 5, 10, 1]
    assert whole == sum(latency.values()) == 161


@pytest.mark.parametrize("stamps", [None, "x", [1], [1, 2, 3, 4]])
def test_without_stamps_the_first_step_takes_it_all(stamps: Any) -> None:
    traces = Traces()
    traces.closed(jobs(0, 500), Closing(1800 * MS, 1000 * MS, packet(620, stamps)))
    traces.reached(0, 1800 * MS)
    traces.reached(0, 1810 * MS)
    trace = traces.pop(500, 0)
    assert trace is not None
    latency = trace.latency_ms(1810 * MS)
    assert (latency["settle"], latency["predict"]) == (300, 10)
    assert latency["capture_to_result"] == 310


def test_revisions_have_traces_of_their_own_and_forgotten_windows_none() -> None:
    traces = Traces()
    for revision in (0, 1):
        traces.closed(jobs(revision, 500, revision), Closing(2000 * MS, 1000 * MS))
    assert traces.pop(500, 1) is not None
    assert traces.pop(500, 1) is None
    for number in range(2, 1000):
        traces.closed(jobs(number, 500 * number), Closing(2000 * MS, 1000 * MS))
    assert traces.pop(500, 0) is None
    traces.reached(0, 0)
    assert traces.pop(500 * 999, 0) is not None
