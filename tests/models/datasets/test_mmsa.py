import pickle  # noqa: TID251
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tacit.models.datasets.mmsa import load
from tacit.models.errors import DatasetError

COUNTS = {"train": 60, "valid": 24, "test": 120}


def content(steps: int = 6) -> dict[str, Any]:
    """Made-up features in the layout of MMSA's aligned files: the label shows in all three."""
    rng = np.random.default_rng(0)
    parts = {}
    for place, (part, count) in enumerate(COUNTS.items()):
        labels = rng.choice([-2.0, -0.4, 0.0, 1.2, 3.0], size=count)
        sign = np.sign(labels)[:, None, None]
        parts[part] = {
            "text": (rng.normal(size=(count, steps, 8)) + sign).astype(np.float32),
            "audio": (rng.normal(size=(count, steps, 5)) + 0.5 * sign).astype(np.float64),
            "vision": (rng.normal(size=(count, steps, 4)) + 0.5 * sign).astype(np.float32),
            "regression_labels": labels.astype(np.float32),
            "id": [f"video{place}{row % 6}$_${row}" for row in range(count)],
            "raw_text": ["words"] * count,
        }
        parts[part]["vision"][:, 4:] = 0.0  # padding
    return parts


def written(folder: Path, parts: object) -> Path:
    path = folder / "aligned_50.pkl"
    path.write_bytes(pickle.dumps(parts))
    return path


def test_parts_come_with_masks_groups_and_two_classes(tmp_path: Path) -> None:
    given = content()
    parts = load(written(tmp_path, given))
    kept = np.flatnonzero(given["train"]["regression_labels"] != 0.0)
    train = parts["train"]
    assert len(train.labels) == len(kept)
    assert np.array_equal(train.labels, given["train"]["regression_labels"][kept] > 0)
    assert np.array_equal(train.values["face"], given["train"]["vision"][kept])
    assert not train.mask["face"][:, 4:].any()
    assert train.mask["text"].all()
    assert train.values["audio"].dtype == np.float32
    assert set(train.groups) == {f"video0{row}" for row in range(6)}
    assert not set(train.groups) & set(parts["test"].groups)


def test_wrong_layouts_name_what_is_wrong(tmp_path: Path) -> None:
    def broken(message: str, **changes: Any) -> None:
        parts = content()
        parts["valid"] |= changes
        with pytest.raises(DatasetError, match=message):
            load(written(tmp_path, parts))

    broken(r"text of 'valid' has shape \(24, 8\)", text=np.zeros((24, 8)))
    broken(r"\[5, 6\] steps: not aligned", audio=np.zeros((24, 5, 5)))
    broken(r"audio of the valid part has .*\(6, 7\), the train part \(6, 5\)",
           audio=np.ones((24, 6, 7)))  # fmt: skip
    broken("vision of 'valid' are no numbers", vision=[["a"]] * 24)
    broken(r"labels of 'valid' are outside \[-3, 3\]", regression_labels=np.full(24, 4.0))
    broken("3 ids and 24 labels", id=["a", "b", "c"])
    with pytest.raises(DatasetError, match=r"no part 'valid'; it holds \['train'\]"):
        load(written(tmp_path, {"train": content()["train"]}))
    with pytest.raises(DatasetError, match="part 'train' has no 'audio'"):
        load(written(tmp_path, {"train": {"regression_labels": np.ones(3), "id": ["a"] * 3}}))
    with pytest.raises(DatasetError, match="holds list, not a table"):
        load(written(tmp_path, [1, 2]))


def test_another_file_than_demanded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not beef as demanded"):
        load(written(tmp_path, content()), sha256="beef")
