import os
import pickle  # noqa: TID251
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tacit.models.datasets.safe_arrays import read_arrays
from tacit.models.errors import DatasetError


class Hostile:
    """Asks for a program to be run when it is loaded."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_arrays_in_plain_containers_are_read(tmp_path: Path, protocol: int) -> None:
    content: dict[str, Any] = {
        "train": {
            "text": np.arange(6, dtype=np.float32).reshape(2, 3),
            "id": np.array(["a$_$1", "b$_$2"]),
            "ids": ["x", b"y"],
            "mixed": np.array(["a", 1.5], dtype=object),
            "one": np.float64(0.5),
        }
    }
    path = tmp_path / "arrays.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    found = read_arrays(path)["train"]
    assert np.array_equal(found["text"], content["train"]["text"])
    assert list(found["id"]) == ["a$_$1", "b$_$2"]
    assert found["ids"] == ["x", b"y"]
    assert list(found["mixed"]) == ["a", 1.5]
    assert found["one"] == 0.5


def test_a_pickle_that_asks_for_a_program_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    path, mark = tmp_path / "hostile.pkl", tmp_path / "ran"
    path.write_bytes(pickle.dumps({"train": [Hostile(f"touch {mark}")]}))
    with pytest.raises(DatasetError, match=r"hostile\.pkl: refused: it asks for posix\.system"):
        read_arrays(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "body", [b"cbuiltins\neval\n(S'1'\ntR.", b"cnumpy\nload\n(S'x'\ntR.", b"cos\npopen\n(S'x'\ntR."]
)
def test_known_tricks_are_refused(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "trick.pkl"
    path.write_bytes(body)
    with pytest.raises(DatasetError, match="refused: it asks for"):
        read_arrays(path)


@pytest.mark.parametrize("body", [b"", b"\x80\x04", b"not a pickle", b"\x80\x04]\x94(K"])
def test_damaged_files_are_one_error(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "damaged.pkl"
    path.write_bytes(body)
    with pytest.raises(DatasetError, match=r"damaged\.pkl"):
        read_arrays(path)
    with pytest.raises(DatasetError, match="missing"):
        read_arrays(tmp_path / "none.pkl")
