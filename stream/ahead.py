"""Makes the items of an iterator in a thread, a few ahead of their use."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Generator[Item, None, None], depth: int) -> Generator[Item, None, None]:
    """The same items in the same order, up to `depth` of them made before they are asked for.

    It pays where making an item leaves the interpreter free, as decoding and scaling do. Memory is
    bounded by `depth` items. An error is raised where its item would have come. Closing this
    generator waits for the item in the making and closes `items`.

    Args:
        items: run in one other thread, from its first item on.
        depth: at least 1.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    waiting: deque[Future[list[Item]]] = deque()
    try:
        waiting.extend(pool.submit(_next, items) for _ in range(depth))
        while found := waiting.popleft().result():
            waiting.append(pool.submit(_next, items))
            yield from found
    finally:
        pool.shutdown(cancel_futures=True)
        items.close()


def _next(items: Generator[Item, None, None]) -> list[Item]:
    """The next item; empty at the end, since a future cannot carry StopIteration."""
    return list(islice(items, 1))
