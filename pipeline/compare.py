"""Finds where two lists of events differ, latency aside."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .events import Event, without_latency


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two sessions differ.

    Attributes:
        seq: number of the event.
        field: path of the field, such as "fused.valence"; empty for a whole event.
        left: value in the first one.
        right: value in the second one.
    """

    seq: int
    field: str
    left: Any
    right: Any

    def __str__(self) -> str:
        place = f"event {self.seq}" + (f", {self.field}" if self.field else "")
        return f"{place}: {self.left!r} is now {self.right!r}"


def differences(
    left: Iterable[Event], right: Iterable[Event], start: int = 0
) -> Iterator[Difference]:
    """Give all differences in order.

    Args:
        left: events of the first session.
        right: events of the second session.
        start: number of the first event of both.

    Yields:
        one difference per field; an event without counterpart is one difference.
    """
    for seq, (a, b) in enumerate(itertools.zip_longest(left, right), start):
        if a is None or b is None:
            yield Difference(seq, "", None if a is None else a.type, None if b is None else b.type)
            continue
        if a == b:
            continue
        fields = [without_latency(event.model_dump(mode="json")) for event in (a, b)]
        yield from _walk(seq, "", *fields)


def _walk(seq: int, path: str, left: Any, right: Any) -> Iterator[Difference]:
    if isinstance(left, dict) and isinstance(right, dict):
        for name in left | right:
            inner = f"{path}.{name}" if path else str(name)
            yield from _walk(seq, inner, left.get(name), right.get(name))
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for k, (a, b) in enumerate(zip(left, right, strict=True)):
            yield from _walk(seq, f"{path}[{k}]", a, b)
    elif left != right:
        yield Difference(seq, path, left, right)
