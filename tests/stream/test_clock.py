import itertools
import time

import numpy as np
import pytest

from tacit.stream.clock import ClockMap, ManualClock, MonotonicClock
from tacit.stream.errors import LocalError
from tacit.stream.packet import NS_PER_MS, NS_PER_S

WARM_UP_NS = 60 * NS_PER_S


def jitter_of(
    kind: str, count: int, rng: np.random.Generator
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    if kind == "gauss":
        return rng.normal(20.0, 5.0, count)
    if kind == "uniform":
        return 20.0 + rng.uniform(0.0, 10.0, count)
    return 20.0 + rng.exponential(5.0, count)


def test_monotonic_clock_starts_at_zero_and_rises() -> None:
    clock = MonotonicClock()
    first = clock.now_ns()
    assert 0 <= first <= clock.now_ns()


def test_clocks_ignore_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = MonotonicClock()
    before = clock.now_ns()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert before <= clock.now_ns() < before + 60 * NS_PER_S


def test_manual_clock_moves_only_forward() -> None:
    clock = ManualClock(5)
    clock.advance(10)
    assert clock.now_ns() == 15
    clock.set(15)
    with pytest.raises(LocalError, match="does not go back from 15 to 14"):
        clock.set(14)


@pytest.mark.parametrize("kind", ["gauss", "uniform", "exponential"])
@pytest.mark.parametrize("skew_ppm", [-200, 0, 200])
def test_drift_and_jitter_stay_within_10_ms_and_time_never_goes_back(
    kind: str, skew_ppm: int
) -> None:
    rng = np.random.default_rng(7)
    clock_map = ClockMap()
    offset_ns = 5_000 * NS_PER_S
    delays_ms = jitter_of(kind, 50 * 180, rng)
    errors_ms, mapped = [], []
    for k, delay_ms in enumerate(delays_ms):
        true_ns = k * 20 * NS_PER_MS
        remote_ns = offset_ns + round(true_ns * (1 - skew_ppm * 1e-6))
        clock_map.observe(remote_ns, true_ns + round(float(delay_ms) * NS_PER_MS))
        mapped.append(clock_map.to_session(remote_ns))
        if true_ns >= WARM_UP_NS:
            errors_ms.append(abs(mapped[-1] - (true_ns + 20 * NS_PER_MS)) / NS_PER_MS)
    assert np.percentile(errors_ms, 99) <= 10.0
    assert all(late >= early for early, late in itertools.pairwise(mapped))
    assert clock_map.skew_ppm == pytest.approx(skew_ppm, abs=40)


def test_a_burst_of_late_packets_moves_nothing() -> None:
    clock_map = ClockMap()
    for k in range(3000):
        late_ns = 400 * NS_PER_MS if 1500 <= k < 1700 else 0
        clock_map.observe(k * 20 * NS_PER_MS, (k * 20 + 30) * NS_PER_MS + late_ns)
    t_ns = 3000 * 20 * NS_PER_MS
    assert abs(clock_map.to_session(t_ns) - t_ns - 30 * NS_PER_MS) < NS_PER_MS


def test_the_first_pair_already_gives_a_mapping() -> None:
    clock_map = ClockMap()
    with pytest.raises(LocalError, match="no pair"):
        clock_map.to_session(0)
    clock_map.observe(1_000, 5_000)
    assert clock_map.to_session(1_500) == 5_500


def test_a_new_epoch_forgets_and_an_old_one_is_passed_by() -> None:
    clock_map = ClockMap()
    for k in range(200):
        clock_map.observe(9 * NS_PER_S + k * 20 * NS_PER_MS, k * 20 * NS_PER_MS)
    clock_map.observe(0, 10 * NS_PER_S, epoch=1)
    assert clock_map.to_session(0) == 10 * NS_PER_S
    clock_map.observe(9 * NS_PER_S, 10 * NS_PER_S, epoch=0)
    assert clock_map.to_session(NS_PER_S) == 11 * NS_PER_S
