import numpy as np
import pytest

from tacit.models.datasets.sequences import Sequences, check_dims, group_indices, pooled_frames
from tacit.models.errors import DatasetError


def part(dim: int, groups: tuple[str, ...]) -> Sequences:
    count = len(groups)
    return Sequences(
        {"audio": np.zeros((count, 2, dim), dtype=np.float32)},
        {"audio": np.ones((count, 2), dtype=np.bool_)},
        np.zeros(count, dtype=np.int64),
        groups,
    )


def test_frames_are_averaged_within_equal_stretches() -> None:
    frames = np.arange(6, dtype=np.float32)[:, None]
    pooled, there = pooled_frames(frames, 3)
    assert pooled[:, 0].tolist() == [0.5, 2.5, 4.5]
    assert there.all()
    short, there = pooled_frames(frames[:2], 3)
    assert short[:, 0].tolist() == [0.0, 1.0, 0.0]
    assert there.tolist() == [True, True, False]


def test_groups_mean_the_same_in_all_parts() -> None:
    found = group_indices({"train": part(3, ("b", "a")), "test": part(3, ("c", "a"))})
    assert found["train"].tolist() == [1, 0]
    assert found["test"].tolist() == [2, 0]


def test_parts_of_other_dimension_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"x\.pkl: audio of the test part has .*\(2, 4\)"):
        check_dims({"train": part(3, ("a",)), "test": part(4, ("b",))}, "x.pkl")
