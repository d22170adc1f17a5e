import numpy as np
import pytest

from tacit.models.text_encoder import TextConfig, TextNet
from tacit.models.training.text_fit import FitConfig, FitData, as_spoken, fit, predict


def separable(count: int) -> FitData:
    """Sentences of one token that alone decides the class."""
    random = np.random.default_rng(0)
    classes = random.integers(0, 7, count)
    rows = [np.array([2, 4 + c, 3], dtype=np.int64) for c in classes]
    targets = np.eye(7, dtype=np.float32)[classes]
    return FitData(rows, rows, targets, np.zeros((count, 2), dtype=np.float32))


@pytest.mark.parametrize(
    ("written", "spoken"),
    [("Really?! I can't...", "really i can't"), ("[NAME] is here, 👍", "is here")],
)
def test_spoken_text_has_words_alone(written: str, spoken: str) -> None:
    assert as_spoken(written).split() == spoken.split()


def test_a_fit_learns_and_keeps_its_best_epoch() -> None:
    data = separable(280)
    shape = TextConfig(vocabulary=11)
    scores: list[float] = []

    def score(epoch: int, net: TextNet) -> float:
        right = predict(net, data.rows).argmax(1) == data.targets.argmax(1)
        scores.append(float(right.mean()) if epoch < 3 else 0.0)
        return scores[-1]

    net = fit(shape, FitConfig(epochs=4, batch=28, dropout=0.0, token_dropout=0.0), data, 0, score)
    right = predict(net, data.rows).argmax(1) == data.targets.argmax(1)
    assert right.mean() > 0.9
    assert float(right.mean()) == max(scores)
    assert scores[-1] == 0.0


def test_taking_sentences_takes_all_that_belongs_to_them() -> None:
    data = separable(10).take(np.array([3, 1]))
    assert len(data.rows) == len(data.spoken) == len(data.targets) == len(data.fine) == 2
