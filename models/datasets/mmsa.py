"""CMU-MOSI and CMU-MOSEI as MMSA's `aligned_50.pkl`: 50 aligned steps of text, audio and vision.

The file is not distributed with Tacit; give your own. Its `regression_labels` in [-3, 3] become
negative (0) and positive (1), and utterances with a label of exactly 0 are left out, which is the
"negative/positive" way of the literature's two-class accuracy. The given parts are kept. Padding
steps (all numbers 0) count as not measured.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError
from ..features import Bool, Float32, Modality
from .checksums import verify_one
from .safe_arrays import read_arrays
from .sequences import PARTS, Part, Sequences, check_dims

CLASSES: Final = 2
GIVEN: Final[dict[Modality, str]] = {"audio": "audio", "face": "vision", "text": "text"}
SEPARATOR: Final = "$_$"
"""Between video and utterance in an id."""
BOUND: Final = 3.0


def load(path: Path, sha256: str | None = None) -> dict[Part, Sequences]:
    """Read all parts.

    Args:
        path: the pickle.
        sha256: demanded digest of the file, or None.

    Raises:
        DatasetError: missing, another digest, anything but arrays, or not of this layout.
    """
    verify_one(path, sha256)
    content = read_arrays(path)
    if not isinstance(content, dict):
        raise DatasetError(f"{path}: holds {type(content).__name__}, not a table of parts")
    parts = {part: _part(path, content, part) for part in PARTS}
    check_dims(parts, str(path))
    return parts


def _part(path: Path, content: dict[Any, Any], part: Part) -> Sequences:
    fields = content.get(part)
    if not isinstance(fields, dict):
        raise DatasetError(f"{path}: no part {part!r}; it holds {sorted(map(str, content))}")
    labels = np.asarray(_field(path, part, fields, "regression_labels"), dtype=np.float64).ravel()
    if not np.isfinite(labels).all() or (np.abs(labels) > BOUND).any():
        raise DatasetError(f"{path}: regression labels of {part!r} are outside [-3, 3]")
    kept = np.flatnonzero(labels != 0.0)
    values: dict[Modality, Float32] = {}
    mask: dict[Modality, Bool] = {}
    for name, key in GIVEN.items():
        values[name] = _frames(path, (part, key), _field(path, part, fields, key), len(labels))[
            kept
        ]
        mask[name] = (values[name] != 0.0).any(axis=2)
        # A step without a face is still a step; a sample without any would be no sample.
        mask[name][~mask[name].any(axis=1), 0] = True
    steps = {v.shape[1] for v in values.values()}
    if len(steps) != 1:
        raise DatasetError(
            f"{path}: modalities of {part!r} have {sorted(steps)} steps: not aligned"
        )
    ids = [str(i) for i in np.asarray(_field(path, part, fields, "id")).ravel()]
    if len(ids) != len(labels):
        raise DatasetError(f"{path}: {len(ids)} ids and {len(labels)} labels of {part!r}")
    groups = tuple(ids[row].split(SEPARATOR)[0] for row in kept)
    return Sequences(values, mask, (labels[kept] > 0.0).astype(np.int64), groups)


def _field(path: Path, part: str, fields: dict[Any, Any], key: str) -> Any:
    if key not in fields:
        raise DatasetError(
            f"{path}: part {part!r} has no {key!r}; it has {sorted(map(str, fields))}"
        )
    return fields[key]


def _frames(path: Path, place: tuple[str, str], given: Any, samples: int) -> NDArray[np.float32]:
    try:
        frames = np.ascontiguousarray(given, dtype=np.float32)
    except (TypeError, ValueError) as exc:
        raise DatasetError(f"{path}: {place[1]} of {place[0]!r} are no numbers") from exc
    if frames.ndim != 3 or len(frames) != samples:
        raise DatasetError(
            f"{path}: {place[1]} of {place[0]!r} has shape {frames.shape}, "
            f"({samples}, steps, numbers) wanted"
        )
    return np.asarray(np.nan_to_num(frames, posinf=0.0, neginf=0.0))
