from pathlib import Path

import numpy as np
import pytest

from tacit.models.training.fusion_data import Alone, alone_items, cached, window_bank
from tacit.models.training.text_phrases import Comments


def test_windows_of_one_clip_share_a_verdict() -> None:
    three = np.eye(7, dtype=np.float32)[[0, 1, 2]]
    samples_of_two = Alone(
        "audio",
        np.zeros((3, 4, 8), dtype=np.float32),
        np.ones((3, 4), dtype=bool),
        np.array([0, 0, 2]),
        np.array([0, 0, 1]),
        np.array([3.0, 1.0, 1.0], dtype=np.float32),
        three,
        np.array([17, 17, 18]),
    )
    rows, labels, clusters = samples_of_two.verdicts(three)
    assert rows[0, :2] == pytest.approx([0.75, 0.25], abs=1e-3)
    assert (labels.tolist(), clusters.tolist()) == ([0, 2], [17, 18])
    assert samples_of_two.fit_rows.tolist() == [0, 2]  # the second holds too little speech


def test_cached_records_are_made_once(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> Comments:
        made.append(1)
        one = np.ones((2, 2), dtype=np.float32)
        return Comments(one, 2 * one, 3 * one, np.array([1, 2]))

    path = tmp_path / "deep" / "tokens.npz"
    first, again = cached(path, Comments, make), cached(path, Comments, make)
    assert len(made) == 1
    assert np.array_equal(first.spoken, again.spoken)
    assert again.labels.tolist() == [1, 2]
    assert [p.name for p in path.parent.iterdir()] == ["tokens.npz"]


def test_items_fill_every_bin() -> None:
    labels = np.arange(7)
    tokens = np.arange(14, dtype=np.float32).reshape(7, 2)
    alone = alone_items("face", tokens, labels, np.eye(7, dtype=np.float32), bins=5)
    assert alone.tokens.shape == (7, 5, 2)
    assert (alone.tokens == tokens[:, None]).all()
    assert alone.mask.all()
    assert len(alone.fit_rows) == 7
    rows, verdict_labels, _ = alone.verdicts(alone.reference)
    assert np.array_equal(rows, alone.reference)
    assert np.array_equal(verdict_labels, labels)


def test_a_window_bank_leaves_out_windows_with_little_speech() -> None:
    labels = np.repeat(np.arange(7), 2)
    alone = Alone(
        "audio",
        np.arange(14, dtype=np.float32)[:, None, None].repeat(3, axis=1),
        np.ones((14, 3), dtype=bool),
        labels,
        labels,
        np.tile(np.array([1.0, 0.2], dtype=np.float32), 7),
        np.eye(7, dtype=np.float32)[labels],
        labels,
    )
    bank = window_bank(alone)
    assert bank.tokens[:, 0, 0].tolist() == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0]
