"""IEMOCAP features as MMIN and its successors keep them: HDF5 files and a target folder per fold.

    ROOT/A/comparE.h5        audio, one data set (frames, numbers) per utterance name
    ROOT/V/denseface.h5      face
    ROOT/L/bert_large.h5     text
    ROOT/target/FOLD/{trn,val,tst}_label.npy      one-hot or index
    ROOT/target/FOLD/{trn,val,tst}_int2name.npy   utterance names, such as Ses01F_impro01_F000

IEMOCAP is licensed by its owners to those who ask; give your own files. Frames are averaged into a
fixed number of bins. Groups are speakers, session and sex.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError
from ..features import Bool, Float32, Modality
from .sequences import PARTS, Part, Sequences, check_dims, pooled_frames

FILES: Final[dict[Modality, Path]] = {
    "audio": Path("A") / "comparE.h5",
    "face": Path("V") / "denseface.h5",
    "text": Path("L") / "bert_large.h5",
}
SHORT: Final[dict[Part, str]] = {"train": "trn", "valid": "val", "test": "tst"}
CLASSES: Final = 4
FOLDS: Final = 10
BINS: Final = 12
_NAME: Final = re.compile(r"(Ses\d\d)[FM]_\w+_([FM])\d+")


def load(root: Path, fold: int, bins: int = BINS) -> dict[Part, Sequences]:
    """Read all parts of one fold.

    Args:
        root: the folder.
        fold: from 1, as the folders are named.
        bins: T.

    Raises:
        DatasetError: a file or utterance is missing or malformed, or h5py is not installed.
    """
    parts: dict[Part, tuple[list[str], NDArray[np.int64]]] = {
        part: _targets(root / "target" / str(fold), part) for part in PARTS
    }
    names = {name for listed, _ in parts.values() for name in listed}
    frames = {key: _frames(root / path, names, bins) for key, path in FILES.items()}
    found = {}
    for part, (listed, labels) in parts.items():
        values: dict[Modality, Float32] = {}
        mask: dict[Modality, Bool] = {}
        for key, table in frames.items():
            values[key] = np.stack([table[name][0] for name in listed])
            mask[key] = np.stack([table[name][1] for name in listed])
        found[part] = Sequences(values, mask, labels, tuple(speaker_of(n) for n in listed))
    check_dims(found, str(root))
    return found


def speaker_of(name: str) -> str:
    """Session and sex of the speaker of an utterance.

    Raises:
        DatasetError: not an IEMOCAP name.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise DatasetError(f"utterance {name!r}: not a name such as Ses01F_impro01_F000")
    return f"{match.group(1)}_{match.group(2)}"


def _targets(folder: Path, part: Part) -> tuple[list[str], NDArray[np.int64]]:
    labels = _array(folder / f"{SHORT[part]}_label.npy")
    labels = labels.argmax(axis=1) if labels.ndim == 2 else labels
    path = folder / f"{SHORT[part]}_int2name.npy"
    names = [n.decode() if isinstance(n, bytes) else str(n) for n in _array(path).ravel()]
    if len(names) != len(labels) or not names:
        raise DatasetError(f"{path}: {len(names)} names, but {len(labels)} labels")
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise DatasetError(f"{folder}: labels of {part!r} are outside 0..{CLASSES - 1}")
    return names, labels.astype(np.int64)


def _array(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except FileNotFoundError as exc:
        raise DatasetError(f"{path}: missing") from exc
    except (OSError, ValueError, EOFError) as exc:
        raise DatasetError(f"{path}: not a plain NumPy file: {exc}") from exc


def _frames(path: Path, names: set[str], bins: int) -> Mapping[str, tuple[Float32, Bool]]:
    try:
        import h5py  # of the `benchmark` extra: nothing else needs it
    except ImportError as exc:
        raise DatasetError("h5py is missing: pip install 'tacit[benchmark]'") from exc
    found = {}
    try:
        with h5py.File(path, "r") as file:
            for name in sorted(names):
                if name not in file:
                    raise DatasetError(f"{path}: no utterance {name!r}")
                frames = np.asarray(file[name], dtype=np.float32)
                if frames.ndim != 2 or len(frames) == 0 or not np.isfinite(frames).all():
                    raise DatasetError(
                        f"{path}: {name!r} has shape {frames.shape}, finite (frames, numbers) "
                        "wanted"
                    )
                found[name] = pooled_frames(frames, bins)
    except FileNotFoundError as exc:
        raise DatasetError(f"{path}: missing") from exc
    except OSError as exc:
        raise DatasetError(f"{path}: not an HDF5 file: {exc}") from exc
    lengths = {values.shape[1] for values, _ in found.values()}
    if len(lengths) > 1:
        raise DatasetError(f"{path}: utterances have {sorted(lengths)} numbers per frame")
    return found
