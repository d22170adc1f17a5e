from pathlib import Path

import h5py
import numpy as np
import pytest

from tacit.models.datasets.iemocap import FILES, SHORT, load, speaker_of
from tacit.models.errors import DatasetError

DIMS = {"audio": 6, "face": 5, "text": 7}
SPEAKERS = {"train": ("Ses01", "F"), "valid": ("Ses02", "M"), "test": ("Ses03", "F")}


def written(root: Path, count: int = 8) -> Path:
    """Made-up files in MMIN's layout."""
    rng = np.random.default_rng(0)
    names = {
        part: [f"{session}F_impro01_{sex}{row:03d}" for row in range(count)]
        for part, (session, sex) in SPEAKERS.items()
    }
    for name, path in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(root / path, "w") as file:
            for listed in names.values():
                for utterance in listed:
                    frames = rng.normal(size=(int(rng.integers(3, 40)), DIMS[name]))
                    file[utterance] = frames.astype(np.float32)
    folder = root / "target" / "1"
    folder.mkdir(parents=True, exist_ok=True)
    for part, short in SHORT.items():
        np.save(folder / f"{short}_label.npy", np.eye(4, dtype=np.int64)[np.arange(count) % 4])
        np.save(folder / f"{short}_int2name.npy", np.array([n.encode() for n in names[part]]))
    return root


def test_a_fold_comes_as_sequences_of_equal_length(tmp_path: Path) -> None:
    parts = load(written(tmp_path), fold=1, bins=5)
    train = parts["train"]
    assert {n: v.shape for n, v in train.values.items()} == {
        name: (8, 5, dim) for name, dim in DIMS.items()
    }
    assert train.labels.tolist() == [0, 1, 2, 3] * 2
    assert set(train.groups) == {"Ses01_F"}
    assert all(m.any(axis=1).all() for m in train.mask.values())


def test_indices_and_text_names_are_read_as_well(tmp_path: Path) -> None:
    root = written(tmp_path)
    folder = root / "target" / "1"
    names = np.load(folder / "trn_int2name.npy")
    np.save(folder / "trn_int2name.npy", np.array([[n.decode()] for n in names]))
    np.save(folder / "trn_label.npy", np.arange(8) % 4)
    assert load(root, fold=1)["train"].labels.tolist() == [0, 1, 2, 3] * 2


def test_what_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    root = written(tmp_path)
    with pytest.raises(DatasetError, match=r"target/2/trn_label\.npy: missing"):
        load(root, fold=2)
    folder = root / "target" / "1"
    np.save(folder / "tst_label.npy", np.full(8, 9))
    with pytest.raises(DatasetError, match=r"labels of 'test' are outside 0\.\.3"):
        load(root, fold=1)
    np.save(folder / "tst_label.npy", np.array([{}], dtype=object))
    with pytest.raises(DatasetError, match=r"tst_label.npy: not a plain NumPy file"):
        load(root, fold=1)
    root = written(tmp_path)
    with h5py.File(root / FILES["face"], "a") as file:
        del file["Ses01F_impro01_F000"]
    with pytest.raises(DatasetError, match=r"denseface\.h5: no utterance 'Ses01F_impro01_F000'"):
        load(root, fold=1)
    with h5py.File(root / FILES["face"], "a") as file:
        file["Ses01F_impro01_F000"] = np.ones((3, 9), dtype=np.float32)
    with pytest.raises(DatasetError, match=r"utterances have \[5, 9\] numbers per frame"):
        load(root, fold=1)
    (root / FILES["text"]).write_bytes(b"no HDF5")
    with pytest.raises(DatasetError, match=r"bert_large\.h5: not an HDF5 file|denseface"):
        load(root, fold=1)


def test_speakers_are_named_by_session_and_sex() -> None:
    assert speaker_of("Ses05M_script03_2_F012") == "Ses05_F"
    with pytest.raises(DatasetError, match="not a name such as"):
        speaker_of("dia0_utt1")
