from hypothesis import given
from hypothesis import strategies as st

from tacit.stream.continuity import Continuity, SourceStatistics
from tacit.stream.wire import Stamp


def test_holes_repeats_and_restarts_are_told_apart() -> None:
    continuity = Continuity()
    stamps = [(0, 7), (0, 8), (0, 11), (0, 11), (0, 9), (1, 0), (0, 12), (1, 1), (2, 3)]
    admitted = [continuity.admit(Stamp("a", *stamp)) for stamp in stamps]
    assert admitted == [True, True, True, False, False, True, False, True, True]
    assert continuity.statistics() == {"a": SourceStatistics(2, 6, 5, 2, 1, 2)}


def test_sources_are_counted_apart_and_bounded() -> None:
    continuity = Continuity(max_sources=2)
    admitted = [continuity.admit(Stamp(name, 0, 0)) for name in "abcab"]
    assert admitted == [True, True, False, False, False]
    assert continuity.refused_sources == 1
    assert set(continuity.statistics()) == {"a", "b"}


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6)), max_size=30))
def test_what_is_admitted_always_rises_and_everything_is_counted(
    stamps: list[tuple[int, int]],
) -> None:
    continuity = Continuity()
    admitted = [stamp for stamp in stamps if continuity.admit(Stamp("a", *stamp))]
    assert admitted == sorted(set(admitted))
    if stamps:
        counted = continuity.statistics()["a"]
        assert counted.received == len(admitted)
        assert counted.received + counted.duplicates + counted.stale == len(stamps)
