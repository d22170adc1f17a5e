from pathlib import Path

import pytest

from tacit.models.datasets import dair_emotion
from tacit.models.errors import DatasetError
from tacit.models.labels import INDEX


def write(root: Path, content: str) -> None:
    folder = root / dair_emotion.FOLDER
    folder.mkdir(parents=True)
    (folder / "val.txt").write_text(content)


def test_love_counts_as_happiness_and_semicolons_may_be_in_a_text(tmp_path: Path) -> None:
    write(tmp_path, "text;label_name\ni feel warm; and fond;love\ni feel low;sadness\n")
    data = dair_emotion.load(tmp_path, "valid")
    assert data.texts == ("i feel warm; and fond", "i feel low")
    assert data.targets.argmax(1).tolist() == [INDEX["happiness"], INDEX["sadness"]]
    assert data.fine.shape == (2, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\na;joy\n", r"val\.txt:1: heading 'text,label'"),
        ("text;label_name\na;joy\nb;bliss\n", r"val\.txt:3: unknown emotion 'bliss'"),
        ("text;label_name\nno label\n", r"val\.txt:2: unknown emotion 'no label'"),
    ],
)
def test_a_malformed_file_is_named(content: str, message: str, tmp_path: Path) -> None:
    write(tmp_path, content)
    with pytest.raises(DatasetError, match=message):
        dair_emotion.load(tmp_path, "valid")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"train\.txt: missing"):
        dair_emotion.load(tmp_path, "train")


@pytest.mark.data
def test_the_published_splits_are_read(data_root: Path) -> None:
    sizes = {split: len(dair_emotion.load(data_root, split)) for split in ("train", "valid")}
    assert sizes == {"train": 16000, "valid": 2000}
