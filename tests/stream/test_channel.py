import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tacit.stream.channel import Channel, ChannelStatistics, Policy
from tacit.stream.errors import ChannelClosed, LocalError


def balanced(s: ChannelStatistics) -> bool:
    return s.offered == s.used + sum(s.dropped.values()) + s.in_flight


def filled(policy: Policy, items: int, capacity: int = 3) -> tuple[Channel[int], list[bool]]:
    channel: Channel[int] = Channel(capacity, policy)
    return channel, [channel.offer(k) for k in range(items)]


def drain(channel: Channel[int]) -> list[int]:
    channel.close()
    taken = [channel.take(0.0) for _ in range(channel.statistics().in_flight)]
    with pytest.raises(ChannelClosed, match="closed and empty"):
        channel.take(0.0)
    return taken


@pytest.mark.parametrize(
    ("policy", "accepted", "left", "reason", "dropped"),
    [
        ("block", [True, True, True, False, False], [0, 1, 2], "timeout", 2),
        ("drop_oldest", [True] * 5, [2, 3, 4], "overflow", 2),
        ("drop_newest", [True, True, True, False, False], [0, 1, 2], "refused", 2),
        ("latest", [True] * 5, [4], "replaced", 4),
    ],
)
def test_what_a_full_channel_does(
    policy: Policy, accepted: list[bool], left: list[int], reason: str, dropped: int
) -> None:
    channel, answers = filled(policy, 5)
    assert answers == accepted
    assert {k: v for k, v in channel.statistics().dropped.items() if v} == {reason: dropped}
    assert balanced(channel.statistics())
    assert drain(channel) == left
    assert channel.statistics().used == len(left)
    assert balanced(channel.statistics())


def test_an_empty_channel_times_out() -> None:
    with pytest.raises(TimeoutError, match="nothing came within"):
        filled("block", 0)[0].take(0.0)


def test_offers_after_the_close_are_counted_and_refused() -> None:
    channel, _ = filled("block", 1)
    channel.close()
    with pytest.raises(ChannelClosed, match="nothing more"):
        channel.offer(9)
    assert channel.statistics().dropped["closed"] == 1
    assert drain(channel) == [0]


def test_discard_counts_what_was_inside() -> None:
    channel, _ = filled("block", 2)
    channel.close(discard=True)
    assert channel.statistics().dropped["discarded"] == 2
    assert channel.statistics().in_flight == 0
    assert balanced(channel.statistics())


@pytest.mark.parametrize("capacity", [0, -1, 10**9])
def test_the_capacity_has_bounds(capacity: int) -> None:
    with pytest.raises(LocalError, match=f"capacity {capacity} is not in"):
        Channel(capacity, "block")


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(LocalError, match="policy 'all' is not one of"):
        Channel(1, "all")  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", ["block", "drop_oldest", "drop_newest", "latest"])
def test_threads_lose_nothing_uncounted(policy: Policy) -> None:
    channel: Channel[int] = Channel(4, policy)
    taken: list[int] = []

    def produce(first: int) -> None:
        for k in range(300):
            channel.offer(first + k, 5.0)

    def consume() -> None:
        while True:
            try:
                taken.append(channel.take(5.0))
            except ChannelClosed:
                return

    producers = [threading.Thread(target=produce, args=(1000 * k,)) for k in range(3)]
    consumers = [threading.Thread(target=consume) for _ in range(2)]
    for thread in (*producers, *consumers):
        thread.start()
    for thread in producers:
        thread.join()
    channel.close()
    for thread in consumers:
        thread.join()
    statistics = channel.statistics()
    assert statistics.offered == 900
    assert statistics.used == len(taken) == len(set(taken))
    assert statistics.in_flight == 0
    assert balanced(statistics)
    if policy == "block":
        assert len(taken) == 900


def test_close_wakes_those_who_wait() -> None:
    full, _ = filled("block", 3)
    empty: Channel[int] = Channel(1, "block")
    ends: list[str] = []

    def offer() -> None:
        with pytest.raises(ChannelClosed):
            full.offer(9, None)
        ends.append("offer")

    def take() -> None:
        with pytest.raises(ChannelClosed):
            empty.take(None)
        ends.append("take")

    threads = [threading.Thread(target=offer), threading.Thread(target=take)]
    for thread in threads:
        thread.start()
    full.close()
    empty.close()
    for thread in threads:
        thread.join(10)
    assert sorted(ends) == ["offer", "take"]
    assert balanced(full.statistics())


class Conservation(RuleBasedStateMachine):
    """Whatever is done to it, a channel agrees with a plain list and its books balance."""

    @initialize(
        capacity=st.integers(1, 4),
        policy=st.sampled_from(["block", "drop_oldest", "drop_newest", "latest"]),
    )
    def start(self, capacity: int, policy: Policy) -> None:
        self.channel: Channel[int] = Channel(capacity, policy)
        self.capacity = 1 if policy == "latest" else capacity
        self.policy, self.model, self.count, self.closed = policy, list[int](), 0, False

    @rule()
    def offer(self) -> None:
        self.count += 1
        if self.closed:
            with pytest.raises(ChannelClosed):
                self.channel.offer(self.count)
            return
        full = len(self.model) >= self.capacity
        fits = not full or self.policy in ("drop_oldest", "latest")
        assert self.channel.offer(self.count) is fits
        if fits:
            self.model = [*self.model, self.count][-self.capacity :]

    @rule()
    def take(self) -> None:
        if self.model:
            assert self.channel.take(0.0) == self.model.pop(0)
        else:
            with pytest.raises(ChannelClosed if self.closed else TimeoutError):
                self.channel.take(0.0)

    @rule(discard=st.booleans())
    def close(self, discard: bool) -> None:
        self.channel.close(discard=discard)
        self.closed = True
        if discard:
            self.model = []

    @invariant()
    def books_balance(self) -> None:
        if hasattr(self, "channel"):
            statistics = self.channel.statistics()
            assert balanced(statistics)
            assert statistics.offered == self.count
            assert statistics.in_flight == len(self.model) <= self.capacity


TestConservation = Conservation.TestCase
TestConservation.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
