"""MELD (Poria et al., 2019): utterances of a television series, one of 7 emotions each.

The published CSV is GPL-3.0 and its text is a script, so Tacit's shipped weights are only
*evaluated* on it, never trained.
"""

import csv
import io
from pathlib import Path
from typing import Final, Literal

import numpy as np

from ..errors import DatasetError
from ..labels import EKMAN, EMOTIONS, INDEX
from .labelled_text import LabelledText, multi_hot, read_utf8

Split = Literal["train", "valid", "test"]

FOLDER: Final = Path("text") / "meld"
LICENCE: Final = "GPL-3.0 file; scripts of a television series"

_STEM: Final[dict[Split, str]] = {"train": "train", "valid": "dev", "test": "test"}


def load(root: Path, split: Split) -> LabelledText:
    """Read one published split; each utterance has exactly one emotion.

    Args:
        root: the data folder that holds `text/meld`.
        split: the published split; "valid" is the file called dev.

    Raises:
        DatasetError: the file is missing, lacks a column or names an unknown emotion.
    """
    path = root / FOLDER / f"{_STEM[split]}_sent_emo.csv"
    reader = csv.DictReader(io.StringIO(read_utf8(path), newline=""))
    texts: list[str] = []
    rows: list[list[int]] = []
    for row in reader:
        text, name = row.get("Utterance"), row.get("Emotion")
        if text is None or name not in EKMAN:
            raise DatasetError(f"{path}:{reader.line_num}: no utterance or emotion {name!r}")
        texts.append(text)
        rows.append([INDEX[EKMAN[name]]])
    if not texts:
        raise DatasetError(f"{path}: no rows")
    return LabelledText(
        texts=tuple(texts),
        targets=multi_hot(rows, len(EMOTIONS)),
        fine=np.zeros((len(rows), 0), dtype=np.float32),
    )
