from pathlib import Path

import pytest

from tacit.models.datasets import goemotions
from tacit.models.errors import DatasetError
from tacit.models.labels import INDEX
from tests.fakes.text_corpora import write_goemotions


def test_labels_are_multi_hot_in_our_order(tmp_path: Path) -> None:
    write_goemotions(tmp_path, [("so sad", "5", "25"), ("wow, great!", "3,6", "1,26")])
    data = goemotions.load(tmp_path, "train")
    assert data.texts == ("so sad", "wow, great!")
    assert data.targets[0].nonzero()[0].tolist() == [INDEX["sadness"]]
    assert data.targets[1].nonzero()[0].tolist() == [INDEX["happiness"], INDEX["surprise"]]
    assert data.fine[1].nonzero()[0].tolist() == [1, 26]
    assert len(data) == 2


def test_a_line_separator_inside_a_comment_is_kept(tmp_path: Path) -> None:
    write_goemotions(tmp_path, [("two\u2028parts\x85here", "4", "27")])
    assert goemotions.load(tmp_path, "valid").texts == ("two\u2028parts\x85here",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("only text\n", r"ekman_train\.tsv:1: 1 columns, 3 wanted"),
        ("text\tjoy\tid\n", "label ids 'joy' are no numbers"),
        ("text\t7\tid\n", r"label ids '7' outside 0\.\.6"),
        ("text\t-1\tid\n", "label ids '-1' outside"),
        ("", r"ekman_train\.tsv:1: 1 columns"),
    ],
)
def test_malformed_rows_are_named(tmp_path: Path, line: str, message: str) -> None:
    folder = write_goemotions(tmp_path, [("a", "0", "2")])
    (folder / "ekman_train.tsv").write_text(line)
    with pytest.raises(DatasetError, match=message):
        goemotions.load(tmp_path, "train")


def test_missing_and_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"ekman_labels\.txt: missing"):
        goemotions.load(tmp_path, "train")
    folder = write_goemotions(tmp_path, [("a", "0", "2")])
    (folder / "ekman_test.tsv").write_bytes(b"\xff\xfe")
    with pytest.raises(DatasetError, match=r"ekman_test\.tsv: cannot be read as UTF-8"):
        goemotions.load(tmp_path, "test")


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    folder = write_goemotions(tmp_path, [("a", "0", "2")])
    (folder / "train.tsv").write_text("b\t2\tid\n")
    with pytest.raises(DatasetError, match="differ"):
        goemotions.load(tmp_path, "train")


def test_an_unknown_class_is_refused(tmp_path: Path) -> None:
    folder = write_goemotions(tmp_path, [("a", "0", "2")])
    (folder / "ekman_labels.txt").write_text("anger\nboredom\n")
    with pytest.raises(DatasetError, match="unknown label 'boredom'"):
        goemotions.load(tmp_path, "train")


@pytest.mark.data
@pytest.mark.parametrize(("split", "count"), [("train", 43_410), ("valid", 5_426), ("test", 5_427)])
def test_the_published_splits(data_root: Path, split: goemotions.Split, count: int) -> None:
    data = goemotions.load(data_root, split)
    assert len(data) == count
    assert data.targets.shape == (count, 7)
    assert (data.targets.sum(1) >= 1).all()
    assert 0.07 < (data.targets.sum(1) > 1).mean() < 0.1
    assert data.fine.shape == (count, 28)
