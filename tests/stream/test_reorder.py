"""The reorder buffer under the losses that made one necessary."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.stream.reorder import DEPTH, RESTART, Reorder


def balanced(buffer: Reorder[int]) -> bool:
    s = buffer.statistics()
    return s.received == s.released + s.dropped + s.held


def test_packets_in_order_pass_at_once_across_the_turn_of_the_number() -> None:
    buffer: Reorder[int] = Reorder()
    for k in range(65_500, 65_600):
        assert buffer.push(k % 65_536, k) == [k]
    assert buffer.statistics().skipped == 0


@pytest.mark.parametrize(("loss", "kept", "lag"), [(0.05, 0.94, 5), (0.20, 0.78, 8)])
def test_random_loss_costs_no_more_than_what_was_lost(loss: float, kept: float, lag: int) -> None:
    rng = random.Random(7)
    buffer: Reorder[int] = Reorder()
    sent, out, worst = 20_000, 0, 0
    for k in range(sent):
        if rng.random() < loss:
            continue
        for released in buffer.push(k % 65_536, k):
            out += 1
            worst = max(worst, k - released)
    assert out / sent >= kept
    assert worst <= lag
    assert balanced(buffer)


def test_bursts_of_loss_are_skipped_and_the_stream_goes_on_at_once() -> None:
    buffer: Reorder[int] = Reorder()
    for k in range(10):
        buffer.push(k, k)
    assert buffer.push(60, 60) == [60]
    assert buffer.push(61, 61) == [61]
    assert buffer.statistics().skipped == 50


def test_a_lost_packet_holds_up_those_after_it_no_longer_than_the_depth() -> None:
    buffer: Reorder[int] = Reorder()
    buffer.push(0, 0)
    held = [buffer.push(k, k) for k in range(2, 2 + DEPTH)]
    assert held == [[]] * (DEPTH - 1) + [list(range(2, 2 + DEPTH))]


def test_what_the_network_swapped_comes_out_in_order() -> None:
    buffer: Reorder[int] = Reorder()
    out = [k for number in (0, 2, 1, 3, 6, 5, 4, 7) for k in buffer.push(number, number)]
    assert out == list(range(8))


def test_duplicates_and_late_ones_are_counted_and_dropped() -> None:
    buffer: Reorder[int] = Reorder()
    for k in (0, 1, 1, 0, 2):
        buffer.push(k, k)
    assert buffer.statistics().dropped == 2
    assert balanced(buffer)


def test_a_source_that_begins_anew_is_followed_and_what_waited_is_not_lost() -> None:
    buffer: Reorder[int] = Reorder()
    buffer.push(100, 100)
    buffer.push(102, 102)
    assert buffer.push(102 + RESTART + 50, 7) == [102, 7]
    assert buffer.push(102 + RESTART + 51, 8) == [8]
    assert buffer.push(5, 9) == [9]
    assert balanced(buffer)


@given(st.lists(st.integers(0, 65_535), max_size=300))
def test_whatever_comes_is_released_once_or_counted(numbers: list[int]) -> None:
    buffer: Reorder[int] = Reorder()
    out = [item for k, number in enumerate(numbers) for item in buffer.push(number, k)]
    assert len(set(out)) == len(out) == buffer.statistics().released
    assert buffer.statistics().held < DEPTH
    assert balanced(buffer)
