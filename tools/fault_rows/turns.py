"""When a worker may be broken again, so that one fault does not meet the back-off of another."""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final

APART_S: Final = 61.0


class Turns:
    """Keeps the deaths of each worker apart, however fast a machine runs through the faults.

    A worker's back-off doubles with each death within a minute.

    Args:
        now_s: the clock.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._now_s, self._sleep = now_s, sleep
        self._deaths_s: defaultdict[str, list[float]] = defaultdict(list)

    def wait(self, worker: str, most: int) -> None:
        """Wait until the next death of a worker is at most the `most`th within a minute."""
        before = self._deaths_s[worker]
        if len(before) >= most:
            self._sleep(max(0.0, before[-most] + APART_S - self._now_s()))

    def died(self, worker: str) -> None:
        """Take note that a worker has just died."""
        self._deaths_s[worker].append(self._now_s())
