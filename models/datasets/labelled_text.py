"""Texts with emotion targets, the form that every text data set is loaded into."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DatasetError
from ..features import Float32


@dataclass(frozen=True, slots=True, eq=False)
class LabelledText:
    """Sentences and their emotions.

    Attributes:
        texts: N sentences, as published.
        targets: (N, 7) float32 of 0 and 1 in the order of `labels.EMOTIONS`; a row can hold
            several ones.
        fine: (N, F) float32 of 0 and 1, the data set's own finer labels; F is 0 where it has none.
    """

    texts: tuple[str, ...]
    targets: Float32
    fine: Float32

    def __len__(self) -> int:
        return len(self.texts)


def read_utf8(path: Path) -> str:
    """Whole text of a data file, line ends untouched.

    Raises:
        DatasetError: missing, unreadable or not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError as exc:
        raise DatasetError(f"{path}: missing; see data/README.md for where it comes from") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise DatasetError(f"{path}: cannot be read as UTF-8 text: {exc}") from exc


def multi_hot(rows: list[list[int]], classes: int) -> Float32:
    """Turn lists of class indices into (N, classes) float32 of 0 and 1."""
    targets = np.zeros((len(rows), classes), dtype=np.float32)
    for target, indices in zip(targets, rows, strict=True):
        target[indices] = 1.0
    return targets
