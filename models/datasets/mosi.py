"""CMU-MOSI utterances (Zadeh et al. 2016): opinions in videos, positive or negative.

The clean configuration is the transcript through Tacit's own text encoder and the given audio
statistics. The given text and video features are activations of nets that were trained on the
train labels: they tell the train part's labels nearly perfectly and the test part's much less. They
can be read for comparison, with that warning; a validation part cut from train is contaminated for
them.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError
from ..features import Float32, Modality
from .labelled_text import read_utf8

Ints = NDArray[np.integer[Any]]
Part = Literal["train", "test"]
Embed = Callable[[Sequence[str]], Float32]
"""Texts to vectors (N, D) float32."""

CLASSES: Final = 2
VALID_VIDEOS: Final = 12
GIVEN: Final[dict[Modality, str]] = {"audio": "audio", "face": "video", "text": "text"}
"""Folder of the given features of each modality; the face's are of the whole video frame."""
LEAK: Final = (
    "the given text and video features are activations of nets trained on the train labels"
)


@dataclass(frozen=True, slots=True, eq=False)
class Utterances:
    """One published part.

    Attributes:
        values: per modality (N, D) float32.
        labels: (N,) int64, 0 negative, 1 positive.
        videos: (N,) int64, index of the video.
        texts: N transcripts in lower case.
    """

    values: Mapping[Modality, Float32]
    labels: Ints
    videos: Ints
    texts: tuple[str, ...]


def load(root: Path, part: Part, embed: Embed | None) -> Utterances:
    """Read a part.

    Args:
        root: the data folder that holds `mosi`.
        part: the published split.
        embed: own text encoder, for the clean configuration: audio and text. None reads the given
            features of all three modalities, which leak the train labels.

    Raises:
        DatasetError: a file is missing or malformed, or rows and labels do not fit together.
    """
    folder = root / "mosi"
    transcripts = read_transcripts(folder / "transcripts.csv")
    picked = [transcripts[row] for row in row_ids(folder / f"text_{part}.csv", len(transcripts))]
    texts = tuple(t.text.lower() for t in picked)
    labels = np.array([t.label for t in picked], dtype=np.int64)
    wanted: tuple[Modality, ...] = ("audio",) if embed is not None else ("audio", "face", "text")
    values: dict[Modality, Float32] = {}
    for name in wanted:
        path = folder / GIVEN[name] / f"{GIVEN[name]}_{part}0.csv"
        table = read_table(path)
        if len(table) != len(labels) or not np.array_equal(table[:, -1], labels):
            raise DatasetError(f"{path}: rows or labels differ from those of the transcripts")
        values[name] = np.ascontiguousarray(table[:, :-1], dtype=np.float32)
    if embed is not None:
        values["text"] = embed(texts)
    videos = np.array([t.video for t in picked], dtype=np.int64)
    return Utterances(values, labels, videos, texts)


@dataclass(frozen=True, slots=True)
class Transcript:
    """One utterance: what was said, in which video, 1 for a positive opinion."""

    text: str
    video: int
    label: int


def read_transcripts(path: Path) -> list[Transcript]:
    """All utterances of both parts.

    Raises:
        DatasetError: missing or malformed.
    """
    rows = csv.reader(io.StringIO(read_utf8(path), newline=""))
    found = []
    for number, row in enumerate(rows, 1):
        try:
            _, text, video, label = row
            found.append(Transcript(text, int(video), int(label)))
        except ValueError as exc:
            raise DatasetError(f"{path}:{number}: not id, text, video, label: {exc}") from exc
    return found


def row_ids(path: Path, count: int) -> list[int]:
    """Rows of the transcripts that a part holds: the first column.

    Raises:
        DatasetError: missing, malformed or beyond the transcripts.
    """
    found = []
    for number, row in enumerate(csv.reader(io.StringIO(read_utf8(path), newline="")), 1):
        if not row or not row[0].isdigit() or int(row[0]) >= count:
            raise DatasetError(f"{path}:{number}: no row of the {count} transcripts")
        found.append(int(row[0]))
    return found


def read_table(path: Path) -> NDArray[np.float64]:
    """Numbers (N, D + 1), the label last.

    Raises:
        DatasetError: missing, or not finite numbers of equal rows.
    """
    try:
        rows = [[float(x) for x in row] for row in csv.reader(io.StringIO(read_utf8(path)))]
        table = np.array(rows, dtype=np.float64)
    except ValueError as exc:
        raise DatasetError(f"{path}: not a table of numbers: {exc}") from exc
    if table.ndim != 2 or not np.isfinite(table).all():
        raise DatasetError(f"{path}: not a table of finite numbers")
    return table


def valid_rows(videos: Ints, seed: int) -> NDArray[np.bool_]:
    """(N,) True for the utterances of `VALID_VIDEOS` videos drawn from the train part."""
    names = np.unique(videos)
    held = np.random.default_rng([seed, 5]).choice(names, size=VALID_VIDEOS, replace=False)
    return np.isin(videos, held)
