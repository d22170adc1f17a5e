from pathlib import Path

import numpy as np
import pytest

from tacit.models.datasets.labelled_text import LabelledText, multi_hot, read_utf8
from tacit.models.errors import DatasetError


def test_a_row_can_hold_several_classes_or_none() -> None:
    assert multi_hot([[0, 2], [], [1]], 3).tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_line_ends_are_left_alone_and_bad_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("é\r\nb\u2028c\n".encode())
    assert read_utf8(path) == "é\r\nb\u2028c\n"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DatasetError, match=r"a\.csv: cannot be read as UTF-8"):
        read_utf8(path)
    with pytest.raises(DatasetError, match=r"b\.csv: missing"):
        read_utf8(tmp_path / "b.csv")


def test_its_length_is_its_sentences() -> None:
    nothing = np.zeros((2, 0), dtype=np.float32)
    assert len(LabelledText(("a", "b"), multi_hot([[0], [1]], 7), nothing)) == 2
