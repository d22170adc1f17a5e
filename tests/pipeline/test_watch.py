import pytest

from tacit.pipeline.process_facts import Activity
from tacit.pipeline.watch import MOST_HARD_NS, STILL_NS, Deadlines, LoadingWatch, Watch

MS = 1_000_000
S = 1_000_000_000
LOOK = 50 * MS
SLEEPS = Activity("S", 0)


def hung_after(
    watch: Watch, seconds: float, state: str | None = "S", share: float = 1.0
) -> int | None:
    """When a worker that was heard at 0 and never again is given up, looked at every 50 ms.

    Args:
        watch: of the worker.
        seconds: how long it is looked at.
        state: of the process; None where it is not known.
        share: of the time that it is let run.
    """
    watch.heard(0)
    for now_ns in range(LOOK, round(seconds * S) + 1, LOOK):
        seen = None if state is None else Activity(state, round(share * now_ns))
        if watch.look(now_ns, seen) == "hung":
            return now_ns
    return None


@pytest.mark.parametrize(("work_s", "hard_s"), [(0.5, 1.0), (1.0, 2.0), (3.0, 6.0), (9.0, 10.0)])
def test_a_hang_is_twice_the_deadline_and_at_most_ten_seconds(work_s: float, hard_s: float) -> None:
    deadlines = Deadlines(round(work_s * S))
    assert deadlines.hard_ns == hard_s * S <= MOST_HARD_NS
    for state in ("S", "D", "R", None):
        found = hung_after(Watch(deadlines), 12, state)
        assert found is not None
        assert hard_s * S < found <= hard_s * S + 2 * LOOK


def test_a_stopped_process_hangs_as_soon_as_it_is_silent() -> None:
    found = hung_after(Watch(Deadlines(5 * S)), 12, "T")
    assert found is not None
    assert 500 * MS < found <= 700 * MS


def test_a_worker_that_is_not_let_run_is_not_blamed() -> None:
    watch = Watch(Deadlines(S))
    assert hung_after(watch, 15, "R", share=0.05) is None
    found = hung_after(Watch(Deadlines(S)), 100, "R", share=0.05)
    assert found is not None
    assert 30 * S < found <= 41 * S


def test_by_the_clock_there_is_an_end_to_patience() -> None:
    found = hung_after(Watch(Deadlines(S, wall_ns=20 * S)), 100, "R", share=0.0)
    assert found is not None
    assert 20 * S < found <= 20 * S + 2 * LOOK


def test_a_supervisor_that_was_held_up_does_not_blame_the_worker() -> None:
    watch = Watch(Deadlines(S))
    watch.heard(0)
    assert watch.look(60 * S - 1, SLEEPS) == "well"
    watch.heard(60 * S)
    assert watch.look(60 * S + LOOK, SLEEPS) == "well"


def test_silence_comes_after_half_a_second_and_ends_with_a_sign() -> None:
    watch = Watch(Deadlines(S))
    watch.heard(0)
    verdicts = {now: watch.look(now, SLEEPS) for now in range(LOOK, S, LOOK)}
    assert verdicts[500 * MS] == "well"
    assert verdicts[550 * MS] == "silent"
    before = watch.silent
    watch.heard(S)
    assert (before, watch.silent) == (True, False)
    assert watch.look(S + LOOK, SLEEPS) == "well"


def test_a_look_is_due_only_for_one_that_is_late() -> None:
    watch = Watch(Deadlines(S))
    watch.heard(S)
    assert not watch.due(S + 400 * MS)
    assert watch.due(S + 401 * MS)


def stuck_after(states: str, share: float = 0.0) -> int | None:
    """When a worker that loads is given up; one state per second, looked at every 50 ms."""
    watch, cpu_ns = LoadingWatch(), 0
    for number, state in enumerate(states):
        for now_ns in range(number * S, (number + 1) * S, LOOK):
            cpu_ns += round(share * LOOK)
            if watch.look(now_ns, Activity(state, cpu_ns)) == "hung":
                return now_ns
    return None


def test_loading_is_work_or_waiting_for_a_disk() -> None:
    assert stuck_after("R" * 100) is None
    assert stuck_after("D" * 100) is None
    assert stuck_after("S" * 100, share=0.1) is None
    found = stuck_after("S" * 100)
    assert found is not None
    assert STILL_NS < found <= STILL_NS + 2 * LOOK
    assert stuck_after(("S" * 15 + "R") * 6) is None


def test_a_worker_that_was_stopped_while_it_loads_is_found_within_a_second() -> None:
    found = stuck_after("R" * 3 + "T" * 10)
    assert found is not None
    assert 3.4 * S < found <= 3.6 * S


def test_a_loading_worker_of_which_nothing_is_known_is_left_alone() -> None:
    watch = LoadingWatch()
    assert {watch.look(k * S, None) for k in range(200)} == {"well"}
