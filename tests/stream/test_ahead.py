"""Items made ahead in a thread: order, bound, errors, and an end that leaves nothing behind."""

import threading
from collections.abc import Generator

import pytest

from tacit.stream.ahead import ahead


def test_items_come_in_order_from_one_other_thread() -> None:
    makers: set[int] = set()

    def items() -> Generator[int, None, None]:
        for number in range(50):
            makers.add(threading.get_ident())
            yield number

    assert list(ahead(items(), 3)) == list(range(50))
    assert len(makers) == 1
    assert threading.get_ident() not in makers


@pytest.mark.parametrize("depth", [1, 4])
def test_no_more_than_the_depth_waits(depth: int) -> None:
    made = 0

    def items() -> Generator[int, None, None]:
        nonlocal made
        for number in range(20):
            made += 1
            yield number

    for used, number in enumerate(ahead(items(), depth), 1):
        assert number == used - 1
        assert made <= used + depth


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Generator[int, None, None]:
        yield 1
        yield 2
        raise ValueError("broken")

    numbers = ahead(items(), 5)
    assert [next(numbers), next(numbers)] == [1, 2]
    with pytest.raises(ValueError, match="broken"):
        next(numbers)


def test_closing_closes_the_source_and_ends_the_thread() -> None:
    closed = threading.Event()

    def items() -> Generator[int, None, None]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    before = threading.active_count()
    numbers = ahead(items(), 2)
    assert next(numbers) == 0
    numbers.close()
    assert closed.is_set()
    assert threading.active_count() == before


def test_nothing_gives_nothing() -> None:
    assert list(ahead((n for n in range(0)), 2)) == []
