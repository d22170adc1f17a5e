import numpy as np
import pytest

from tacit.models.features import FeatureWindow
from tacit.pipeline.past import TOKENS, PastMemory, masked
from tacit.stream.packet import NS_PER_S

BIN_NS = NS_PER_S // 4


def window(end: int, measured: list[bool], first: float = 0.0) -> FeatureWindow:
    """A window that ends with bin `end` (exclusive); token values count up from `first`."""
    values = (first + np.arange(len(measured), dtype=np.float32))[:, None]
    return FeatureWindow(
        "p1", 0, end * BIN_NS, {"face": values}, {"face": np.array(measured)}, {"face": 1.0}
    )


def test_the_newest_come_first_with_their_age() -> None:
    memory = PastMemory(BIN_NS, 0)
    memory.keep(window(4, [True, False, True, True]))
    past = memory.before("face", 8 * BIN_NS)
    assert past is not None
    assert past.values[:, 0].tolist() == [3.0, 2.0, 0.0]
    assert past.age_s == pytest.approx([1.125, 1.375, 1.875])


def test_no_more_than_so_many_and_none_that_is_too_old() -> None:
    memory = PastMemory(BIN_NS, 0)
    memory.keep(window(12, [True] * 12))
    past = memory.before("face", 12 * BIN_NS)
    assert past is not None
    assert len(past.values) == TOKENS
    late = memory.before("face", 50 * BIN_NS)
    assert late is not None
    assert late.age_s == pytest.approx([9.625, 9.875])
    assert memory.before("face", 60 * BIN_NS) is None
    assert memory.before("audio", 12 * BIN_NS) is None


def test_a_bin_given_again_is_replaced_and_faulty_ones_are_taken_back() -> None:
    memory = PastMemory(BIN_NS, 0)
    memory.keep(window(4, [True] * 4))
    memory.keep(window(6, [True] * 4, first=10.0))
    memory.forget("face", 5 * BIN_NS + 1, 5 * BIN_NS + 2)
    past = memory.before("face", 6 * BIN_NS)
    assert past is not None
    assert past.values[:, 0].tolist() == [12.0, 11.0, 10.0, 1.0, 0.0]


def test_what_comes_after_the_windows_end_is_not_its_past() -> None:
    memory = PastMemory(BIN_NS, 0)
    memory.keep(window(8, [True] * 8))
    past = memory.before("face", 4 * BIN_NS)
    assert past is not None
    assert past.values[:, 0].tolist() == [3.0, 2.0, 1.0, 0.0]


def test_memory_stays_bounded() -> None:
    memory = PastMemory(BIN_NS, 0)
    for end in range(12, 2000, 2):
        memory.keep(window(end, [True] * 12))
    assert len(memory._bins["face"]) <= 10 * 4 + 12


def test_masks_of_others_are_emptied() -> None:
    mask = {"face": np.array([True, False]), "audio": np.array([True, True])}
    left = masked(mask, frozenset({"audio"}))  # type: ignore[arg-type]
    assert left["audio"].all()
    assert not left["face"].any()
