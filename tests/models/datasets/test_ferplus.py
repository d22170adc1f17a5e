from pathlib import Path

import cv2
import numpy as np
import pytest

from tacit.models.datasets.ferplus import SIDE, load_ferplus, majority, soft_labels
from tacit.models.errors import DatasetError
from tacit.models.labels import INDEX

NAMES = [
    *("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear"),
    *("contempt", "unknown", "NF"),
]


def votes(**counts: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.array([[counts.get(name, 0) for name in NAMES]], dtype=np.uint8)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (votes(happiness=6, neutral=4), "happiness"),
        (votes(happiness=5, neutral=5), None),
        (votes(happiness=5, neutral=3, NF=2), None),
        (votes(contempt=8, neutral=2), None),
        (votes(NF=10), None),
        (votes(fear=4, surprise=3), "fear"),
    ],
    ids=["clear", "tie", "half", "contempt", "no-face", "fewer-votes"],
)
def test_majority_needs_more_than_half_of_all_votes(
    given: np.ndarray[tuple[int, int], np.dtype[np.uint8]], expected: str | None
) -> None:
    label = majority(given, NAMES)[0]
    assert label == (-1 if expected is None else list(INDEX).index(expected))  # type: ignore[arg-type]


def test_soft_labels_are_shares_without_single_votes() -> None:
    soft = soft_labels(votes(happiness=6, surprise=3, fear=1, contempt=5), NAMES)[0]
    assert soft[INDEX["happiness"]] == pytest.approx(2 / 3)
    assert soft[INDEX["surprise"]] == pytest.approx(1 / 3)
    assert soft[INDEX["fear"]] == 0


def test_single_votes_count_where_there_is_nothing_else() -> None:
    soft = soft_labels(votes(sadness=1, anger=1, unknown=8), NAMES)[0]
    assert soft[INDEX["sadness"]] == soft[INDEX["anger"]] == 0.5
    assert soft_labels(votes(NF=10), NAMES).sum() == 0


def write_store(root: Path, **changes: object) -> Path:
    rng = np.random.default_rng(0)
    sheet = rng.integers(0, 256, (50 * SIDE, 50 * SIDE), dtype=np.uint8)
    coded = cv2.imencode(".png", sheet, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    fields: dict[str, object] = {
        "mosaic_00": coded,
        "votes": np.vstack([votes(anger=9), votes(NF=10), votes(fear=5, surprise=5)]),
        "classes": np.array(NAMES),
        "split": np.array([0, 1, 2], dtype=np.uint8),
        **changes,
    }
    (root / "ferplus").mkdir()
    path = root / "ferplus" / "ferplus.npz"
    np.savez(path, **fields)  # type: ignore[arg-type]
    (root / "sheet.npy").write_bytes(sheet.tobytes())
    return path


def test_faces_come_row_by_row_out_of_the_sheet(tmp_path: Path) -> None:
    write_store(tmp_path)
    sheet = np.frombuffer((tmp_path / "sheet.npy").read_bytes(), dtype=np.uint8)
    sheet = sheet.reshape(50 * SIDE, 50 * SIDE)
    corpus = load_ferplus(tmp_path)
    assert corpus.faces.shape == (3, SIDE, SIDE)
    assert np.array_equal(corpus.faces[2], sheet[:SIDE, 2 * SIDE : 3 * SIDE])
    assert corpus.rows("train", labelled=True).tolist() == [0]
    assert corpus.rows("valid", labelled=False).tolist() == []
    assert corpus.rows("test", labelled=True).tolist() == []
    assert corpus.rows("test", labelled=False).tolist() == [2]


def test_head_takes_the_first_of_each_part(tmp_path: Path) -> None:
    write_store(tmp_path, split=np.array([0, 0, 2], dtype=np.uint8))
    head = load_ferplus(tmp_path).head(1)
    assert head.parts.tolist() == [0, 2]
    assert head.labels.tolist() == [INDEX["anger"], -1]


def test_missing_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"ferplus\.npz: missing"):
        load_ferplus(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"votes": np.zeros((2, 10), dtype=np.uint8)}, "votes do not fit"),
        ({"classes": np.array(["joy"] * 10)}, "votes do not fit"),
        ({"mosaic_00": np.zeros(50, dtype=np.uint8)}, "a sheet of faces is damaged"),
        ({"split": np.zeros(4000), "votes": np.zeros((4000, 10), np.uint8)}, "2500 faces for 4000"),
    ],
    ids=["rows", "classes", "sheet", "faces"],
)
def test_odd_contents_are_named(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    write_store(tmp_path, **changes)
    with pytest.raises(DatasetError, match=message):
        load_ferplus(tmp_path)


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    path = write_store(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DatasetError, match="not the FER\\+ store"):
        load_ferplus(tmp_path)


@pytest.mark.data
def test_the_real_set_has_its_known_sizes(data_root: Path) -> None:
    corpus = load_ferplus(data_root)
    assert corpus.faces.shape == (35714, SIDE, SIDE)
    assert np.bincount(corpus.parts).tolist() == [28561, 3579, 3574]
    test = corpus.labels[corpus.rows("test", labelled=True)]
    assert np.bincount(test).tolist() == [936, 872, 295, 219, 50, 7, 341]
