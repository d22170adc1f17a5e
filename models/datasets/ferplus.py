"""FER+ (Barsoum et al. 2016): 35,714 grey web faces of 48 x 48 px with ten votes each.

Votes for contempt, unknown and "not a face" have no class here. Training takes the shape of the
votes as soft labels; evaluation takes the faces on which more than half of all votes agree.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError
from ..features import Float32
from ..labels import EMOTIONS, FERPLUS, INDEX

Part = Literal["train", "valid", "test"]

PARTS: Final[tuple[Part, ...]] = ("train", "valid", "test")
LICENCE: Final = (
    "FER+ votes are MIT; the FER2013 images are from the web and meant for research use"
)
SIDE: Final = 48
_PER_ROW: Final = 50
_NO_LABEL: Final = -1

Grey = NDArray[np.uint8]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FerPlus:
    """Faces with their votes.

    Attributes:
        faces: (N, 48, 48) uint8.
        soft: (N, 7) float32, the votes for the seven classes as shares of 1; zero where none of
            the seven has a vote that counts.
        labels: (N,) int64, the class with more than half of all ten votes, -1 where there is none.
        parts: (N,) int64, index into `PARTS`.
    """

    faces: Grey
    soft: Float32
    labels: Ints
    parts: Ints

    def rows(self, part: Part, labelled: bool) -> Ints:
        """Rows of one part that have a majority label, or any soft label."""
        usable = self.labels >= 0 if labelled else self.soft.sum(1) > 0
        return np.flatnonzero(usable & (self.parts == PARTS.index(part)))

    def head(self, count: int) -> "FerPlus":
        """The first `count` faces of each part."""
        chosen = [np.flatnonzero(self.parts == part)[:count] for part in range(len(PARTS))]
        rows = np.concatenate(chosen)
        return FerPlus(self.faces[rows], self.soft[rows], self.labels[rows], self.parts[rows])


def load_ferplus(root: Path) -> FerPlus:
    """Read the set.

    Args:
        root: the data folder that holds `ferplus/ferplus.npz`.

    Raises:
        DatasetError: the file is missing, damaged or has other contents.
    """
    path = root / "ferplus" / "ferplus.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as store:
            votes, parts = store["votes"], store["split"].astype(np.int64)
            names = [str(name) for name in store["classes"]]
            sheets = [store[key] for key in sorted(store.files) if key.startswith("mosaic_")]
    except FileNotFoundError as exc:
        raise DatasetError(f"{path}: missing; see the data folder's README") from exc
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as exc:
        raise DatasetError(f"{path}: not the FER+ store: {exc}") from exc
    if not sheets or not set(FERPLUS) <= set(names) or votes.shape != (len(parts), len(names)):
        raise DatasetError(f"{path}: no face sheets, or votes do not fit the classes {names}")
    faces = np.concatenate([_unstack(sheet, path) for sheet in sheets])[: len(parts)]
    if len(faces) != len(parts):
        raise DatasetError(f"{path}: {len(faces)} faces for {len(parts)} rows of votes")
    return FerPlus(faces, soft_labels(votes, names), majority(votes, names), parts)


def soft_labels(votes: NDArray[np.uint8], names: list[str]) -> Float32:
    """Shares of the seven classes among the votes.

    A single vote for a class counts as a slip, as in the paper, unless no class has more.

    Args:
        votes: (N, classes) counts.
        names: FER+ class of each column.

    Returns:
        (N, 7) float32, each row summing to 1, or to 0 where none of the seven has a vote.
    """
    counts = np.zeros((len(votes), len(EMOTIONS)), dtype=np.float32)
    for column, name in enumerate(names):
        if name in FERPLUS:
            counts[:, INDEX[FERPLUS[name]]] = votes[:, column]
    firm = np.where(counts > 1, counts, 0)
    counts = np.where(firm.sum(1, keepdims=True) > 0, firm, counts)
    shares: Float32 = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return shares


def majority(votes: NDArray[np.uint8], names: list[str]) -> Ints:
    """Class that has more than half of all votes.

    Args:
        votes: (N, classes) counts.
        names: FER+ class of each column.

    Returns:
        (N,) int64 index into `labels.EMOTIONS`; -1 without such a class among the seven.
    """
    to_class = np.array([INDEX[FERPLUS[n]] if n in FERPLUS else _NO_LABEL for n in names])
    agreed = votes.max(1).astype(np.int64) * 2 > votes.sum(1, dtype=np.int64)
    return np.where(agreed, to_class[votes.argmax(1)], _NO_LABEL).astype(np.int64)


def _unstack(sheet: NDArray[np.uint8], path: Path) -> Grey:
    """Faces of one coded sheet, row by row: (2500, 48, 48) uint8."""
    image = cv2.imdecode(sheet, cv2.IMREAD_GRAYSCALE)
    side = _PER_ROW * SIDE
    if image is None or image.shape != (side, side):
        raise DatasetError(f"{path}: a sheet of faces is damaged")
    tiles = image.reshape(_PER_ROW, SIDE, _PER_ROW, SIDE).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(tiles.reshape(-1, SIDE, SIDE), dtype=np.uint8)
