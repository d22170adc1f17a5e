import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.pipeline.merge import Merger
from tacit.stream.packet import Modality, Packet


def packet(modality: Modality, available_ns: int, seq: int = 0) -> Packet:
    return Packet("feature", modality, "p1", "test", 0, seq, available_ns, 0, available_ns)


def drain(merger: Merger, now_ns: int | None = None) -> list[tuple[Modality, int]]:
    out = []
    while (popped := merger.pop(now_ns)) is not None:
        out.append((popped.modality, popped.t_available_ns))
    return out


def test_nothing_is_certain_until_every_source_has_spoken() -> None:
    merger = Merger(["audio", "face"])
    merger.push(packet("audio", 10))
    assert merger.pop() is None
    assert merger.blocked_on() == {"face"}
    merger.push(packet("face", 5))
    assert drain(merger) == [("face", 5)]
    merger.exclude("face")
    assert drain(merger) == [("audio", 10)]


def test_ties_are_broken_by_modality_not_by_arrival() -> None:
    merger = Merger(["audio", "face"])
    merger.push(packet("face", 5))
    merger.push(packet("audio", 5))
    merger.exclude("audio")
    merger.exclude("face")
    assert drain(merger) == [("audio", 5), ("face", 5)]


def test_a_silent_source_is_released_after_the_patience() -> None:
    merger = Merger(["audio", "face"], patience_ns=100)
    merger.push(packet("audio", 10))
    assert merger.pop(now_ns=109) is None
    popped = merger.pop(now_ns=110)
    assert popped is not None
    assert popped.modality == "audio"


def test_a_source_can_come_back() -> None:
    merger = Merger(["audio", "face"])
    merger.exclude("face")
    merger.push(packet("audio", 10))
    assert drain(merger) == [("audio", 10)]
    merger.include("face")
    merger.push(packet("audio", 20))
    assert merger.pop() is None
    with pytest.raises(KeyError):
        merger.include("text")


@given(
    times=st.dictionaries(
        st.sampled_from(["audio", "face", "text"]),
        st.lists(st.integers(0, 100), max_size=20).map(sorted),
        min_size=1,
    ),
    seed=st.integers(0, 2**16),
)
def test_the_order_does_not_depend_on_delivery(times: dict[Modality, list[int]], seed: int) -> None:
    chance = random.Random(seed)
    merger = Merger(times)
    waiting = {m: [packet(m, t, i) for i, t in enumerate(ts)] for m, ts in times.items()}
    merged = []
    while any(waiting.values()) or any(merger.backlog(m) for m in times):
        candidates = [m for m, ps in waiting.items() if ps]
        if candidates:
            modality = chance.choice(candidates)
            merger.push(waiting[modality].pop(0))
        for m in times:
            if not waiting[m] and not merger.backlog(m):
                merger.exclude(m)
        while (popped := merger.pop()) is not None:
            merged.append(popped)
            if not waiting[popped.modality] and not merger.backlog(popped.modality):
                merger.exclude(popped.modality)
    order = ("audio", "face", "text")
    keys = [(p.t_available_ns, order.index(p.modality), p.seq) for p in merged]
    assert len(merged) == sum(len(ts) for ts in times.values())
    assert all(a <= b for a, b in pairwise(keys))
