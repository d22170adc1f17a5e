import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tacit.models.datasets.mosi import VALID_VIDEOS, load, valid_rows
from tacit.models.errors import DatasetError
from tacit.models.features import Float32


def write_rows(path: Path, rows: Sequence[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "mosi"
    write_rows(
        folder / "transcripts.csv",
        [["a_1", "GOOD", 4, 1], ["a_2", "BAD, VERY", 4, 0], ["b_1", "FINE", 9, 1]],
    )
    write_rows(folder / "text_train.csv", [[2, 0.5], [1, 0.25]])
    for name in ("audio", "video", "text"):
        write_rows(folder / name / f"{name}_train0.csv", [[0.1, 0.2, 1], [0.3, 0.4, 0]])
    return tmp_path


def lengths(texts: Sequence[str]) -> Float32:
    return np.array([[len(t), t.islower()] for t in texts], np.float32)


def test_rows_meet_their_transcripts(root: Path) -> None:
    part = load(root, "train", lengths)
    assert part.texts == ("fine", "bad, very")
    assert part.labels.tolist() == [1, 0]
    assert part.videos.tolist() == [9, 4]
    assert part.values["text"].tolist() == [[4, 1], [9, 1]]
    assert part.values["audio"].tolist() == pytest.approx(np.array([[0.1, 0.2], [0.3, 0.4]]))
    assert set(part.values) == {"audio", "text"}


def test_given_features_are_all_three(root: Path) -> None:
    assert set(load(root, "train", None).values) == {"audio", "face", "text"}


def test_labels_that_disagree_are_refused(root: Path) -> None:
    path = root / "mosi" / "audio" / "audio_train0.csv"
    write_rows(path, [[0.1, 0.2, 0], [0.3, 0.4, 0]])
    with pytest.raises(DatasetError, match="rows or labels differ"):
        load(root, "train", lengths)


def test_what_is_malformed_is_named(root: Path) -> None:
    folder = root / "mosi"
    write_rows(folder / "audio" / "audio_train0.csv", [[0.1, "x", 1], [0.3, 0.4, 0]])
    with pytest.raises(DatasetError, match=r"audio_train0\.csv: not a table of numbers"):
        load(root, "train", lengths)
    write_rows(folder / "text_train.csv", [[3, 0.5]])
    with pytest.raises(DatasetError, match=r"text_train\.csv:1: no row of the 3"):
        load(root, "train", lengths)
    write_rows(folder / "transcripts.csv", [["a_1", "GOOD", 4]])
    with pytest.raises(DatasetError, match=r"transcripts\.csv:1: not id"):
        load(root, "train", lengths)


def test_validation_takes_whole_videos() -> None:
    videos = np.repeat(np.arange(30), 5)
    held = valid_rows(videos, seed=0)
    assert len(np.unique(videos[held])) == VALID_VIDEOS
    assert not set(videos[held]) & set(videos[~held])
    assert not np.array_equal(held, valid_rows(videos, seed=1))


@pytest.mark.data
def test_the_real_set_is_whole(data_root: Path) -> None:
    train, test = load(data_root, "train", lengths), load(data_root, "test", lengths)
    assert (len(train.labels), len(test.labels)) == (1447, 752)
    assert (len(np.unique(train.videos)), len(np.unique(test.videos))) == (62, 31)
    assert not set(train.videos) & set(test.videos)
    assert train.values["audio"].shape == (1447, 73)
