from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tacit.models.text_encoder import TextConfig, TextNet
from tacit.models.training.text_fit import FitConfig, FitData, as_spoken, fit, predict


def separable(count: int) -> FitData:
    """Sentences of one token that alone decides the class."""
    random = np.random.default_rng(0)
    classes = random.integers(0, 7, count)
    rows = [np.array([2, 4 + c, 3], dtype=np.int64) for c in classes]
    targets = np.eye(7, dtype=np.float32)[classes]
    both = np.stack([targets, np.roll(targets, 1, axis=1)], axis=1)
    weights = np.ones((count, 2), dtype=np.float32)
    fine = np.zeros((count, 2), dtype=np.float32)
    return FitData(rows, rows, both, weights, fine, np.arange(count) % 2 == 0)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [("Really?! I can't...", "really i can't"), ("[NAME] is here, 👍", "is here")],
)
def test_spoken_text_has_words_alone(written: str, spoken: str) -> None:
    assert as_spoken(written).split() == spoken.split()


def test_a_fit_learns_and_keeps_its_best_epoch() -> None:
    data = separable(280)
    shape = TextConfig(vocabulary=11, domains=("other",), buckets=16)
    scores: list[float] = []

    def score(epoch: int, net: TextNet) -> float:
        right = predict(net, data.rows).argmax(1) == data.targets[:, 0].argmax(1)
        scores.append(float(right.mean()) if epoch < 3 else 0.0)
        return scores[-1]

    net = fit(shape, FitConfig(epochs=4, batch=28, dropout=0.0, token_dropout=0.0), data, 0, score)
    right = predict(net, data.rows).argmax(1) == data.targets[:, 0].argmax(1)
    assert right.mean() > 0.9
    assert float(right.mean()) == max(scores)
    assert scores[-1] == 0.0
    other = predict(net, data.rows, head=1).argmax(1)
    assert (other == data.targets[:, 1].argmax(1)).mean() > 0.9


def test_a_head_without_weight_learns_nothing() -> None:
    data = separable(140)
    silent = replace(data, weights=data.weights * np.array([1.0, 0.0], dtype=np.float32))
    shape = TextConfig(vocabulary=11, domains=("other",))
    config = FitConfig(epochs=1, batch=28, decay=0.0)
    before: list[Tensor] = []
    net = fit(shape, config, silent, 0, lambda epoch, net: 0.0)
    torch.manual_seed(0)
    before.append(TextNet(shape).domain_heads["other"].get_parameter("weight"))
    assert torch.equal(net.domain_heads["other"].get_parameter("weight"), before[0])


def test_what_is_averaged_lags_behind_what_is_trained() -> None:
    data, shape = separable(140), TextConfig(vocabulary=11, domains=("other",))
    steady = fit(shape, FitConfig(epochs=1, average=1.0), data, 0, lambda epoch, net: 0.0)
    begun = np.full((11, shape.width), 0.5, dtype=np.float32)
    torch.manual_seed(0)
    assert torch.equal(steady.head.weight, TextNet(shape).head.weight)
    given = fit(shape, FitConfig(epochs=1, average=1.0), data, 0, lambda epoch, net: 0.0, begun)
    assert given.embedding.weight[5].tolist() == begun[5].tolist()


def test_taking_sentences_takes_all_that_belongs_to_them() -> None:
    data = separable(10).take(np.array([3, 1]))
    assert len(data.rows) == len(data.spoken) == len(data.targets) == len(data.fine) == 2
    assert data.has_fine.tolist() == [False, False]
