import pytest

from tools.fault_rows.turns import Turns

pytestmark = pytest.mark.unit


def test_deaths_of_a_worker_are_kept_apart_and_others_do_not_wait() -> None:
    now_s = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    turns = Turns(lambda: now_s, sleep)
    for wanted_s in (0.0, 5.0, 61.0, 66.0, 122.0):
        turns.wait("face", 2)
        turns.wait("audio", 2)
        assert now_s == wanted_s
        turns.died("face")
        sleep(5.0)
