"""GoEmotions (Demszky et al., 2020): Reddit comments with 28 labels, grouped into 7 after Ekman.

A comment can carry several labels (about 9 % do), and all of them are kept: the task is multi-label
and is scored so. Licence of the data: Apache-2.0.
"""

from pathlib import Path
from typing import Final, Literal

from ..errors import DatasetError
from ..labels import EKMAN, EMOTIONS, INDEX
from .labelled_text import LabelledText, multi_hot, read_utf8

Split = Literal["train", "valid", "test"]

FOLDER: Final = Path("text") / "goemotions"
FINE_LABELS: Final = 28
LICENCE: Final = "Apache-2.0"

_STEM: Final[dict[Split, str]] = {"train": "train", "valid": "dev", "test": "test"}


def load(root: Path, split: Split) -> LabelledText:
    """Read one published split with its 7 grouped and 28 fine labels.

    Args:
        root: the data folder that holds `text/goemotions`.
        split: the published split; "valid" is the file called dev.

    Raises:
        DatasetError: a file is missing, or a row is not `text, label ids, comment id`.
    """
    folder = root / FOLDER
    names = read_utf8(folder / "ekman_labels.txt").split()
    unknown = [name for name in names if name not in EKMAN]
    if unknown:
        raise DatasetError(f"{folder / 'ekman_labels.txt'}: unknown label {unknown[0]!r}")
    column = [INDEX[EKMAN[name]] for name in names]
    texts, grouped = _read_rows(folder / f"ekman_{_STEM[split]}.tsv", len(names))
    fine_texts, fine = _read_rows(folder / f"{_STEM[split]}.tsv", FINE_LABELS)
    if texts != fine_texts:
        raise DatasetError(f"{folder}: ekman_{_STEM[split]}.tsv and {_STEM[split]}.tsv differ")
    return LabelledText(
        texts=tuple(texts),
        targets=multi_hot([[column[i] for i in row] for row in grouped], len(EMOTIONS)),
        fine=multi_hot(fine, FINE_LABELS),
    )


def _read_rows(path: Path, classes: int) -> tuple[list[str], list[list[int]]]:
    texts: list[str] = []
    labels: list[list[int]] = []
    # Split on newlines alone: comments hold other characters that splitlines would break at.
    for number, line in enumerate(read_utf8(path).rstrip("\n").split("\n"), start=1):
        fields = line.split("\t")
        if len(fields) != 3:
            raise DatasetError(f"{path}:{number}: {len(fields)} columns, 3 wanted")
        try:
            row = [int(field) for field in fields[1].split(",")]
        except ValueError as exc:
            raise DatasetError(f"{path}:{number}: label ids {fields[1]!r} are no numbers") from exc
        if not all(0 <= i < classes for i in row):
            raise DatasetError(f"{path}:{number}: label ids {fields[1]!r} outside 0..{classes - 1}")
        texts.append(fields[0])
        labels.append(row)
    return texts, labels
