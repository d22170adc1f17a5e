from pathlib import Path

import numpy as np
import pytest

from tacit.models.datasets.labelled_text import LabelledText
from tacit.models.training.text_fit import FitConfig
from tacit.models.training.text_targets import (
    MixConfig,
    Opinions,
    TextSets,
    distribution,
    limited,
    load_sets,
    targets_of,
)
from tacit.models.training.text_teacher import TeacherConfig
from tests.fakes.text_corpora import write_goemotions, write_meld

TEACHER = TeacherConfig(
    judges=("words", "networks"),
    folds=2,
    iterations=5,
    reader_vocabulary=60,
    reader_width=8,
    reader=FitConfig(epochs=1, batch=8),
)


def labelled(count: int, fine: int = 0) -> LabelledText:
    targets = np.eye(7, dtype=np.float32)[np.arange(count) % 7]
    texts = tuple(f"word{i % 7} and day{i % 3}" for i in range(count))
    return LabelledText(texts, targets, np.zeros((count, fine), dtype=np.float32))


def test_labels_become_distributions() -> None:
    both = LabelledText(
        ("a",), np.array([[1, 0, 1, 0, 0, 0, 0]], np.float32), np.zeros((1, 0), np.float32)
    )
    assert distribution(both)[0, [0, 2]].tolist() == [0.5, 0.5]


def test_each_set_teaches_its_own_head_and_others_by_opinion() -> None:
    sets = TextSets({"goemotions": labelled(4), "meld": labelled(3)}, {})
    even = np.full((4, 7), 1 / 7, dtype=np.float32)
    opinions = {"goemotions.about.goemotions": even, "meld.about.goemotions": even}
    targets, weights = targets_of(sets, opinions, MixConfig(soft=0.5, across=0.25))
    assert targets.shape == (7, 3, 7)
    assert weights[:4].tolist() == [[1.0, 0.25, 0.0]] * 4
    assert weights[4:].tolist() == [[0.0, 1.0, 0.0]] * 3
    assert targets[0, 0, 0] == pytest.approx(0.5 + 0.5 / 7)
    assert targets[4, 1, 0] == 1.0
    assert targets[weights > 0].sum(1) == pytest.approx(np.ones(int((weights > 0).sum())))


def test_dair_s_weight_is_its_own() -> None:
    sets = TextSets({"goemotions": labelled(2), "dair": labelled(2)}, {})
    _, weights = targets_of(sets, {}, MixConfig(dair=0.3))
    assert weights[2:, 2] == pytest.approx([0.3, 0.3])


def test_opinions_of_all_judges_are_there_and_kept(tmp_path: Path) -> None:
    part = {"goemotions": labelled(28, fine=2), "meld": labelled(21)}
    sets = TextSets(part, {"goemotions": labelled(7), "meld": labelled(7)})  # type: ignore[arg-type]
    lines: list[str] = []
    found = Opinions(sets, TEACHER, 0, tmp_path, lines.append).all(None)
    assert found["goemotions.about.goemotions"].shape == (28, 7)
    assert found["goemotions.about.meld"].shape == (21, 7)
    assert found["meld.about.goemotions"].shape == (28, 7)
    assert found["meld.valid"].shape == (7, 7)
    for name, said in found.items():
        assert said.sum(1) == pytest.approx(np.ones(len(said)), abs=1e-4), name
    lines.clear()
    again = Opinions(sets, TEACHER, 0, tmp_path, lines.append).all(None)
    assert lines == []
    assert all(np.array_equal(found[name], again[name]) for name in found)


def test_sets_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    write_goemotions(tmp_path, [("I am glad", "3", "1"), ("so sad", "5", "2")])
    assert list(load_sets(tmp_path, 0, dair=True).train) == ["goemotions"]
    write_meld(tmp_path, [("Oh.", "neutral")])
    sets = load_sets(tmp_path, 1, dair=True)
    assert {name: len(data) for name, data in sets.train.items()} == {"goemotions": 1, "meld": 1}


def test_a_limit_of_none_keeps_all() -> None:
    data = labelled(5)
    assert limited(data, 0) is data
    assert len(limited(data, 2)) == 2
