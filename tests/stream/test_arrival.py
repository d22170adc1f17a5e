"""Times of live media on the session clock, in virtual time."""

import itertools
import random

from tacit.stream.arrival import SLACK_NS, ArrivalClock
from tacit.stream.packet import NS_PER_MS, NS_PER_S

STEP_NS = 20 * NS_PER_MS


def placed(clock: ArrivalClock, count: int, delay_ns: int, drift: float = 0.0) -> list[int]:
    rng = random.Random(3)
    errors = []
    for k in range(count):
        true_ns = k * STEP_NS
        arrived_ns = true_ns + delay_ns + int(abs(rng.gauss(0, 5)) * NS_PER_MS)
        media_ns = round(true_ns * (1 + drift))
        errors.append(clock.place(media_ns, arrived_ns) - true_ns - delay_ns)
    return errors


def test_jitter_of_the_network_makes_no_holes() -> None:
    rng = random.Random(3)
    clock = ArrivalClock()
    times = []
    for k in range(3000):
        jitter_ns = int(abs(rng.gauss(0, 5)) * NS_PER_MS)
        times.append(clock.place(k * STEP_NS, k * STEP_NS + 50 * NS_PER_MS + jitter_ns))
    steps = [b - a for a, b in itertools.pairwise(times)]
    assert sum(step != STEP_NS for step in steps) <= 2
    assert max(abs(step - STEP_NS) for step in steps) <= 2 * SLACK_NS


def test_nothing_is_captured_after_it_came() -> None:
    clock = ArrivalClock()
    for k in range(1000):
        arrived_ns = k * STEP_NS + (0 if k > 500 else 80 * NS_PER_MS)
        assert clock.place(k * STEP_NS, arrived_ns) <= arrived_ns + SLACK_NS


def test_a_clock_that_drifts_is_followed() -> None:
    errors = placed(ArrivalClock(), 30_000, 40 * NS_PER_MS, drift=200e-6)
    assert max(abs(error) for error in errors[3000:]) <= SLACK_NS + 10 * NS_PER_MS


def test_a_source_that_stood_still_is_placed_by_its_arrival_again() -> None:
    clock = ArrivalClock()
    for k in range(500):
        clock.place(k * STEP_NS, k * STEP_NS)
    slept_ns = 60 * NS_PER_S
    ages = []
    for k in range(500, 700):
        arrived_ns = k * STEP_NS + slept_ns
        ages.append(arrived_ns - clock.place(k * STEP_NS, arrived_ns))
    assert ages[0] > 50 * NS_PER_S
    assert max(ages[60:]) <= SLACK_NS


def test_a_source_whose_own_clock_begins_anew_is_followed() -> None:
    clock = ArrivalClock()
    for k in range(200):
        clock.place(100 * NS_PER_S + k * STEP_NS, k * STEP_NS)
    for k in range(200, 300):
        arrived_ns = k * STEP_NS
        assert arrived_ns - clock.place((k - 200) * STEP_NS, arrived_ns) <= SLACK_NS
