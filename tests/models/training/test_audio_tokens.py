from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tacit.models.audio_encoder import KIND, StreamingAudioEncoder
from tacit.models.audio_net import AudioNet, AudioNetConfig
from tacit.models.checkpoint import Manifest, save
from tacit.models.datasets.ravdess import Clip, find_clips
from tacit.models.features import TokenGrid
from tacit.models.labels import INDEX
from tacit.models.training.audio_tokens import BATCH, audio_split, clip_windows, drawn_windows

GRID = TokenGrid()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One clip of 1.8 s for each of twenty actors: silence, a tone, silence."""
    root = tmp_path_factory.mktemp("data")
    folder = root / "ravdess" / "audio"
    folder.mkdir(parents=True)
    t = np.arange(28_800) / 16_000
    for actor in range(1, 21):
        tone = 0.2 * np.sin(2 * np.pi * 200 * t) * (np.abs(t - 0.7) < 0.4)
        soundfile.write(folder / f"03-01-05-01-01-01-{actor:02d}.wav", tone, 16_000)
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained audio checkpoint."""
    torch.manual_seed(0)
    config = AudioNetConfig(stem=(2, 4, 4), width=8, dilations=(1,), dim=8)
    folder = tmp_path_factory.mktemp("weights") / "audio"
    manifest = Manifest(KIND, asdict(config), [], "any", "none", 0, {})
    save(folder, AudioNet(config).state_dict(), manifest)
    return folder


@pytest.fixture(scope="module")
def clips(root: Path) -> tuple[Clip, ...]:
    return find_clips(root)[:2]


def test_the_split_is_the_encoders_own(root: Path) -> None:
    split = audio_split(root)
    actors = [{c.actor for c in part} for part in (split.train, split.valid, split.test)]
    assert sum(map(len, actors)) == 20
    assert actors[2] == {17, 18, 19, 20}


def test_clip_windows_end_every_half_second(clips: tuple[Clip, ...], folder: Path) -> None:
    windows = clip_windows(clips, StreamingAudioEncoder.load(folder), GRID)
    assert windows.clips.tolist() == [0, 0, 0, 1, 1, 1]  # after 1, 1.5 and 1.8 s
    assert windows.actors.tolist() == [1, 1, 1, 2, 2, 2]
    assert (windows.labels == INDEX["anger"]).all()
    assert windows.tokens.shape == (6, 12, 8)
    assert windows.mask.sum(axis=1).tolist() == [4, 6, 8] * 2  # bins of 250 ms, the last begun
    assert windows.mask[:, -1].all()
    assert windows.speech_s[0] == pytest.approx(0.7, abs=0.1)
    assert windows.probabilities.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-5)


def test_drawn_windows_have_the_same_form(
    clips: tuple[Clip, ...], folder: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    drawn = drawn_windows(clips, folder, 10, tmp_path, said.append)
    assert drawn.tokens.shape == (BATCH, 12, 8)
    assert drawn.mask.any(axis=1).all()
    assert not drawn.tokens[~drawn.mask].any()
    assert np.isfinite(drawn.tokens).all()
    again = drawn_windows(clips, folder, 10, tmp_path, said.append)
    assert np.array_equal(drawn.tokens, again.tokens)
    assert said


def test_drawn_and_streamed_tokens_come_from_one_distribution(
    clips: tuple[Clip, ...], folder: Path, tmp_path: Path
) -> None:
    drawn = drawn_windows(clips, folder, BATCH, tmp_path, lambda line: None)
    streamed = clip_windows(clips, StreamingAudioEncoder.load(folder), GRID)
    apart = drawn.tokens[drawn.mask].mean(axis=0) - streamed.tokens[streamed.mask].mean(axis=0)
    spread = streamed.tokens[streamed.mask].std(axis=0) + 1e-3
    assert (np.abs(apart) < 3 * spread).all()
