from pathlib import Path

import numpy as np
import pytest
import soundfile

from tacit.models.datasets.ravdess import (
    TEST_ACTORS,
    Clip,
    find_clips,
    folds,
    parse_clip,
    read_audio,
    split_by_actor,
)
from tacit.models.errors import DatasetError
from tacit.models.labels import EMOTIONS

NAME = "03-01-05-02-01-01-17.flac"


def name(emotion: int, actor: int) -> str:
    return f"03-01-{emotion:02d}-01-01-01-{actor:02d}.flac"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "ravdess" / "audio"
    folder.mkdir(parents=True)
    for actor in range(1, 21):
        for emotion in (1, 2, 5):
            tone = 0.1 * np.sin(np.arange(800) * 0.01 * actor)
            soundfile.write(folder / name(emotion, actor), tone, 16_000)
    return tmp_path


def actors(clips: tuple[Clip, ...]) -> set[int]:
    return {c.actor for c in clips}


@pytest.mark.parametrize(
    ("code", "emotion"),
    [(1, "neutral"), (2, "neutral"), (3, "happiness"), (4, "sadness"), (5, "anger"), (6, "fear"),
     (7, "disgust"), (8, "surprise")],
)  # fmt: skip
def test_the_third_field_is_the_emotion(code: int, emotion: str) -> None:
    assert EMOTIONS[parse_clip(Path(name(code, 3))).label] == emotion


def test_the_last_field_is_the_actor_and_tells_the_sex() -> None:
    clip = parse_clip(Path(NAME))
    assert (clip.actor, clip.sex, clip.strong) == (17, "male", True)
    assert parse_clip(Path(name(1, 18))).sex == "female"


@pytest.mark.parametrize("bad", ["a.flac", "01-01-05-02-01-01-17.flac", "03-01-09-02-01-01-17.wav"])
def test_other_names_are_refused(bad: str) -> None:
    with pytest.raises(DatasetError, match="not a RAVDESS speech name"):
        parse_clip(Path(bad))


def test_finds_every_clip_in_order(root: Path) -> None:
    clips = find_clips(root)
    assert len(clips) == 60
    assert [c.path.name for c in clips] == sorted(c.path.name for c in clips)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no RAVDESS audio here"):
        find_clips(tmp_path)


def test_no_speaker_in_two_parts(root: Path) -> None:
    split = split_by_actor(find_clips(root), valid=(15, 16))
    assert actors(split.train) == set(range(1, 15))
    assert actors(split.valid) == {15, 16}
    assert actors(split.test) == set(TEST_ACTORS)
    assert len(split.train) + len(split.valid) + len(split.test) == 60


def test_overlapping_parts_are_refused(root: Path) -> None:
    with pytest.raises(DatasetError, match=r"actors \[17\]"):
        split_by_actor(find_clips(root), valid=(16, 17))
    with pytest.raises(DatasetError, match="valid part has no clips"):
        split_by_actor(find_clips(root), valid=(99,))


def test_folds_test_every_actor_once_and_keep_speakers_apart(root: Path) -> None:
    splits = folds(find_clips(root))
    assert len(splits) == 5
    tested = [actor for split in splits for actor in sorted(actors(split.test))]
    assert tested == list(range(1, 21))
    for split in splits:
        parts = [actors(split.train), actors(split.valid), actors(split.test)]
        assert sum(len(p) for p in parts) == len(set().union(*parts)) == 20
        assert {c.sex for c in split.test} == {"male", "female"}


@pytest.mark.parametrize("count", [2, 21])
def test_impossible_folds_are_refused(root: Path, count: int) -> None:
    with pytest.raises(DatasetError, match=f"{count} folds of 20 actors"):
        folds(find_clips(root), count)


def test_reads_mono_float32(root: Path) -> None:
    samples = read_audio(find_clips(root)[0].path)
    assert samples.shape == (800,)
    assert samples.dtype == np.float32
    assert 0.0 < np.abs(samples).max() <= 0.11


def test_other_audio_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "slow.wav", np.zeros(80), 8000)
    soundfile.write(tmp_path / "wide.wav", np.zeros((80, 2)), 16_000)
    (tmp_path / "text.flac").write_text("not audio")
    for file, message in (("slow", "8000 Hz"), ("wide", r"shape \(80, 2\)")):
        with pytest.raises(DatasetError, match=message):
            read_audio(tmp_path / f"{file}.wav")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_audio(tmp_path / "text.flac")


@pytest.mark.data
def test_the_real_set_is_whole(data_root: Path) -> None:
    clips = find_clips(data_root)
    assert len(clips) == 1200
    assert actors(clips) == set(range(1, 21))
    counts = np.bincount([c.label for c in clips])
    assert counts.tolist() == [240, 160, 160, 160, 160, 160, 160]
