from pathlib import Path

import pytest

from tacit.models.datasets import meld
from tacit.models.errors import DatasetError
from tacit.models.labels import INDEX
from tests.fakes.text_corpora import write_meld


def test_each_utterance_has_one_class(tmp_path: Path) -> None:
    write_meld(tmp_path, [("Oh, my God!", "surprise"), ('He said "no"', "anger")])
    data = meld.load(tmp_path, "test")
    assert data.texts == ("Oh, my God!", 'He said "no"')
    assert data.targets.argmax(1).tolist() == [INDEX["surprise"], INDEX["anger"]]
    assert data.targets.sum() == 2
    assert data.fine.shape == (2, 0)


def test_an_unknown_emotion_is_named(tmp_path: Path) -> None:
    write_meld(tmp_path, [("Hm.", "boredom")])
    with pytest.raises(DatasetError, match=r"dev_sent_emo\.csv:2: .*'boredom'"):
        meld.load(tmp_path, "valid")


def test_a_missing_or_empty_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"train_sent_emo\.csv: missing"):
        meld.load(tmp_path, "train")
    write_meld(tmp_path, [])
    with pytest.raises(DatasetError, match="no rows"):
        meld.load(tmp_path, "train")


@pytest.mark.data
@pytest.mark.parametrize(("split", "count"), [("train", 9_989), ("valid", 1_109), ("test", 2_610)])
def test_the_published_splits(data_root: Path, split: meld.Split, count: int) -> None:
    data = meld.load(data_root, split)
    assert len(data) == count
    assert (data.targets.sum(1) == 1).all()
