"""dair-ai's emotion set (Saravia et al., 2018): messages that name a feeling, one of 6 labels each.

The labels came from hashtags, and a message says what its writer feels, not what it expresses to
others; so it only lends the text encoder words, by a head of its own. For research use.
"""

from pathlib import Path
from typing import Final, Literal

import numpy as np

from ..errors import DatasetError
from ..labels import EMOTIONS, INDEX, Emotion
from .labelled_text import LabelledText, multi_hot, read_utf8

Split = Literal["train", "valid", "test"]

FOLDER: Final = Path("text") / "dair_emotion"
LICENCE: Final = "research use"

CLASSES: Final[dict[str, Emotion]] = {
    "sadness": "sadness",
    "joy": "happiness",
    "love": "happiness",
    "anger": "anger",
    "fear": "fear",
    "surprise": "surprise",
}

_STEM: Final[dict[Split, str]] = {"train": "train", "valid": "val", "test": "test"}
_HEADING: Final = "text;label_name"


def load(root: Path, split: Split) -> LabelledText:
    """Read one published split; neither neutral nor disgust occurs.

    Args:
        root: the data folder that holds `text/dair_emotion`.
        split: the published split; "valid" is the file called val.

    Raises:
        DatasetError: the file is missing, has another heading or names an unknown emotion.
    """
    path = root / FOLDER / f"{_STEM[split]}.txt"
    heading, *lines = read_utf8(path).rstrip("\n").split("\n")
    if heading != _HEADING:
        raise DatasetError(f"{path}:1: heading {heading!r}, {_HEADING!r} wanted")
    texts: list[str] = []
    rows: list[list[int]] = []
    for number, line in enumerate(lines, start=2):
        text, _, name = line.rpartition(";")
        if name not in CLASSES:
            raise DatasetError(f"{path}:{number}: unknown emotion {name!r}")
        texts.append(text)
        rows.append([INDEX[CLASSES[name]]])
    return LabelledText(
        texts=tuple(texts),
        targets=multi_hot(rows, len(EMOTIONS)),
        fine=np.zeros((len(rows), 0), dtype=np.float32),
    )
