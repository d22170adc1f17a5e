from pathlib import Path

import numpy as np
import pytest
import soundfile

from tacit.models.audio_functionals import DIM
from tacit.models.datasets import ravdess_pairs
from tacit.models.datasets.ravdess_pairs import (
    UNITS,
    fold_rows,
    labelled_share,
    load,
    normalise_by_speaker,
)
from tacit.models.errors import DatasetError

ACTORS = np.repeat(np.arange(1, 21), 6)


def write_takes(root: Path, faces: int = 4) -> None:
    folder = root / "ravdess" / "audio"
    folder.mkdir(parents=True)
    names = [f"01-0{e}-01-01-01-0{a}" for a in (1, 2) for e in (3, 5)]
    for number, name in enumerate(names):
        tone = 0.2 * np.sin(np.arange(4000) * 0.05 * (number + 1))
        soundfile.write(folder / f"03-{name}.flac", tone, 16_000)
    units = np.arange(faces * UNITS, dtype=np.float32).reshape(faces, UNITS)
    np.savez(root / ravdess_pairs.FACE_FILE, names=[f"01-{n}" for n in names[:faces]], au=units)


def test_voice_and_face_of_one_take_meet(tmp_path: Path) -> None:
    write_takes(tmp_path)
    pairs = load(tmp_path, tmp_path / "cache")
    assert pairs.values["audio"].shape == (4, DIM)
    # Files come in the order of their names: happy of both actors, then angry.
    assert pairs.actors.tolist() == [1, 2, 1, 2]
    assert pairs.labels.tolist() == [1, 1, 3, 3]
    assert pairs.values["face"][:, 0].tolist() == [0.0, 2.0 * UNITS, UNITS, 3.0 * UNITS]


def test_statistics_are_computed_once_until_a_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_takes(tmp_path)
    first = load(tmp_path, tmp_path / "cache")
    with monkeypatch.context() as patched:
        patched.setattr(ravdess_pairs, "functionals", lambda samples: np.zeros(DIM))
        again = load(tmp_path, tmp_path / "cache")
        assert np.array_equal(first.values["audio"], again.values["audio"])
        soundfile.write(
            tmp_path / "ravdess" / "audio" / "03-01-03-01-01-01-01.flac", np.ones(9000) * 0.1, 16000
        )
        assert not load(tmp_path, tmp_path / "cache").values["audio"].any()


def test_a_take_without_a_face_is_named(tmp_path: Path) -> None:
    write_takes(tmp_path, faces=3)
    with pytest.raises(DatasetError, match=r"no face for 1 takes: 03-01-05-01-01-01-02\.flac"):
        load(tmp_path, tmp_path / "cache")


def test_missing_or_wrong_faces_are_refused(tmp_path: Path) -> None:
    write_takes(tmp_path)
    path = tmp_path / ravdess_pairs.FACE_FILE
    np.savez(path, names=["a"], au=np.zeros((1, 3)))
    with pytest.raises(DatasetError, match="finite wanted"):
        load(tmp_path, tmp_path / "cache")
    path.unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        load(tmp_path, tmp_path / "cache")


def test_each_speaker_is_centred_and_scaled_alone() -> None:
    rng = np.random.default_rng(0)
    speakers = np.repeat([3, 7], 50)
    values = rng.normal(size=(100, 4)) * np.where(speakers == 3, 1, 9)[:, None] + speakers[:, None]
    values[:, 3] = speakers  # says who, and must not any more
    scaled = normalise_by_speaker(values.astype(np.float32), speakers)
    for speaker in (3, 7):
        part = scaled[speakers == speaker]
        assert np.abs(part.mean(axis=0)).max() < 1e-5
        assert part[:, :3].std(axis=0) == pytest.approx(1.0, abs=1e-4)
    assert not scaled[:, 3].any()


@pytest.mark.parametrize("inner", [False, True])
def test_no_speaker_is_in_two_parts(inner: bool) -> None:
    tested = []
    for fold in range(5):
        rows = fold_rows(ACTORS, fold, inner)
        parts = [set(ACTORS[part]) for part in (rows.train, rows.valid, rows.test)]
        assert sum(map(len, parts)) == len(set().union(*parts)) == (16 if inner else 20)
        assert len(parts[1]) == 3
        tested += sorted(parts[2])
    assert sorted(tested) == list(range(1, 21))


def test_inner_splits_leave_the_folds_test_actors_out() -> None:
    for fold in range(5):
        outer, inner = fold_rows(ACTORS, fold), fold_rows(ACTORS, fold, inner=True)
        used = np.concatenate([inner.train, inner.valid, inner.test])
        assert not set(ACTORS[outer.test]) & set(ACTORS[used])


def test_an_impossible_fold_is_refused() -> None:
    with pytest.raises(DatasetError, match="fold 5 of 20 actors"):
        fold_rows(ACTORS, 5)


def test_a_share_of_the_labels_keeps_every_class() -> None:
    labels = np.repeat([0, 1, 2], [100, 50, 3])
    rows = np.arange(153)
    chosen = labelled_share(labels, rows, 0.1, seed=0)
    assert np.bincount(labels[chosen]).tolist() == [10, 5, 1]
    assert np.array_equal(chosen, labelled_share(labels, rows, 0.1, seed=0))
    assert not np.array_equal(chosen, labelled_share(labels, rows, 0.1, seed=1))


@pytest.mark.data
def test_the_real_faces_fit_the_real_takes(data_root: Path) -> None:
    assert len(ravdess_pairs.face_values(data_root)) == 1200
