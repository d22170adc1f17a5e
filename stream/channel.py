"""A bounded channel between threads that says by name what it does when it is full."""

import threading
from collections import deque
from collections.abc import Mapping
from typing import Final, Generic, Literal, NamedTuple, TypeVar, get_args

from .errors import ChannelClosed, LocalError
from .limits import MAX_CHANNEL_CAPACITY

T = TypeVar("T")
Policy = Literal["block", "drop_oldest", "drop_newest", "latest"]
DropReason = Literal["timeout", "overflow", "replaced", "refused", "closed", "discarded"]
_REASONS: Final[tuple[DropReason, ...]] = get_args(DropReason)


class ChannelStatistics(NamedTuple):
    """Counters of a channel; offered = used + sum(dropped.values()) + in_flight, always.

    Attributes:
        offered: items that `offer` was called with.
        used: items taken.
        dropped: items lost by reason: "timeout" (no room in time), "overflow" (oldest pushed out),
            "replaced" (by a later one, "latest"), "refused" (newest not let in), "closed" (offered
            after the close), "discarded" (still in when it was closed with discard).
        in_flight: items inside, and those whose `offer` is waiting for room.
        peak: most items ever inside at once.
    """

    offered: int
    used: int
    dropped: Mapping[DropReason, int]
    in_flight: int
    peak: int


class Channel(Generic[T]):
    """First in, first out, thread-safe, with exact counters.

    Policies when full: "block" waits for room, "drop_oldest" makes room, "drop_newest" refuses, and
    "latest" keeps only the newest item whatever the capacity.
    """

    def __init__(self, capacity: int, policy: Policy) -> None:
        """Make an empty channel.

        Raises:
            LocalError: capacity out of range or unknown policy.
        """
        if not 1 <= capacity <= MAX_CHANNEL_CAPACITY:
            raise LocalError(f"channel capacity {capacity} is not in 1..{MAX_CHANNEL_CAPACITY}")
        if policy not in get_args(Policy):
            raise LocalError(f"channel policy {policy!r} is not one of {get_args(Policy)}")
        self._capacity = 1 if policy == "latest" else capacity
        self._policy: Policy = policy
        self._items: deque[T] = deque()
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._filled = threading.Condition(self._lock)
        self._closed = False
        self._offered = self._used = self._waiting = self._peak = 0
        self._dropped: dict[DropReason, int] = dict.fromkeys(_REASONS, 0)

    def offer(self, item: T, timeout_s: float | None = 0.0) -> bool:
        """Put an item in.

        Args:
            item: what to put in.
            timeout_s: how long "block" waits for room; None: as long as it takes.

        Returns:
            Whether this item is in; False: it was dropped and counted.

        Raises:
            ChannelClosed: the channel is closed; the item is counted as dropped.
        """
        with self._lock:
            # An offer that waits is counted by _waiting, so that one interrupted there (Ctrl-C) was
            # never offered and the books still balance.
            has_room = self._policy != "block" or self._wait_for_room(timeout_s)
            self._offered += 1
            if not has_room:
                return self._drop("timeout")
            if self._closed:
                self._drop("closed")
                raise ChannelClosed("the channel is closed: nothing more can be put in")
            if len(self._items) >= self._capacity:
                if self._policy == "drop_newest":
                    return self._drop("refused")
                self._items.popleft()
                self._drop("replaced" if self._policy == "latest" else "overflow")
            self._items.append(item)
            self._peak = max(self._peak, len(self._items))
            self._filled.notify()
            return True

    def take(self, timeout_s: float | None = None) -> T:
        """Take the oldest item.

        Args:
            timeout_s: how long to wait for one; None: as long as it takes.

        Raises:
            TimeoutError: none came in time.
            ChannelClosed: the channel is closed and empty.
        """
        with self._lock:
            self._filled.wait_for(lambda: self._items or self._closed, timeout_s)
            if self._items:
                self._used += 1
                self._room.notify()
                return self._items.popleft()
            if self._closed:
                raise ChannelClosed("the channel is closed and empty")
            raise TimeoutError(f"nothing came within {timeout_s} s")

    def close(self, *, discard: bool = False) -> None:
        """End it: offers are refused, what is inside can still be taken unless discarded."""
        with self._lock:
            self._closed = True
            if discard:
                self._dropped["discarded"] += len(self._items)
                self._items.clear()
            self._room.notify_all()
            self._filled.notify_all()

    def statistics(self) -> ChannelStatistics:
        """Counters, all of the same moment."""
        with self._lock:
            return ChannelStatistics(
                self._offered + self._waiting,
                self._used,
                dict(self._dropped),
                len(self._items) + self._waiting,
                self._peak,
            )

    def _wait_for_room(self, timeout_s: float | None) -> bool:
        self._waiting += 1
        try:
            return self._room.wait_for(
                lambda: len(self._items) < self._capacity or self._closed, timeout_s
            )
        finally:
            self._waiting -= 1

    def _drop(self, reason: DropReason) -> bool:
        self._dropped[reason] += 1
        return False
