import numpy as np
import pytest

from tacit.models import degradations
from tacit.models.degradations.words import COMMON

SENTENCE = ["kids", "are", "talking", "near", "open", "doors", "while", "dogs", "sit", "beside"]


def rng(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def edits(spoken: list[str], heard: tuple[str, ...]) -> int:
    """Levenshtein distance in words."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(spoken, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def test_no_errors_and_nothing_but_errors() -> None:
    assert degradations.misheard(SENTENCE, 0.0, rng()) == tuple(SENTENCE)
    heard = degradations.misheard(SENTENCE, 1.0, rng(), ("so", "and"))
    assert set(heard) <= {"so", "and"}
    assert degradations.misheard([], 0.5, rng()) == ()


@pytest.mark.parametrize("wer", [0.1, 0.3, 0.5])
def test_the_word_error_rate_is_met_on_average(wer: float) -> None:
    source = rng()
    errors = [edits(SENTENCE, degradations.misheard(SENTENCE, wer, source)) for _ in range(1500)]
    assert float(np.mean(errors)) / len(SENTENCE) == pytest.approx(wer, abs=0.015)
    assert set(errors) <= {int(wer * len(SENTENCE)), int(wer * len(SENTENCE)) + 1}


def test_a_third_of_the_errors_lose_the_word() -> None:
    source = rng()
    heard = [degradations.misheard_word("the", 1.0, source) for _ in range(3000)]
    assert heard.count(None) / len(heard) == pytest.approx(1 / 3, abs=0.03)
    assert "the" not in heard
    assert {word for word in heard if word is not None} == set(COMMON) - {"the"}


def test_the_same_seed_gives_the_same_words() -> None:
    one, two = (degradations.misheard(SENTENCE, 0.4, rng(3)) for _ in range(2))
    assert one == two
