"""Ways in which words get wrong, as speech recognition gets them wrong."""

from collections.abc import Sequence
from typing import Final

import numpy as np

DELETED: Final = 1 / 3
"""Share of the errors that lose a word; the others put another one in its place."""

COMMON: Final[tuple[str, ...]] = (
    "the", "and", "that", "you", "it", "was", "they", "this", "have", "from",
    "one", "had", "by", "word", "but", "not", "what", "all", "were", "we",
    "when", "your", "can", "said", "there", "use", "an", "each", "which", "she",
    "do", "how", "their", "if", "will", "up", "other", "about", "out", "many",
    "then", "them", "these", "so", "some", "her", "would", "make", "like", "him",
)  # fmt: skip
"""Frequent English words without a feeling of their own: what a recogniser falls back on."""


def misheard_word(
    word: str, wer: float, rng: np.random.Generator, vocabulary: Sequence[str] = COMMON
) -> str | None:
    """What becomes of one word at an expected word error rate.

    Args:
        word: as spoken.
        wer: chance of an error, [0, 1].
        rng: decides; always drawn from three times, so that a word's fate is its own.
        vocabulary: words to put in its place, at least one other than `word`.

    Returns:
        the word, another one, or None when it is lost.
    """
    wrong, lost, pick = rng.random(3)
    if wrong >= wer:
        return word
    if lost < DELETED:
        return None
    others = [v for v in vocabulary if v != word.strip().lower()]
    return others[int(pick * len(others))]


def misheard(
    words: Sequence[str], wer: float, rng: np.random.Generator, vocabulary: Sequence[str] = COMMON
) -> tuple[str, ...]:
    """A sentence with substituted and lost words at a stated word error rate.

    The number of errors is `wer` times the number of words, rounded up or down by chance so that
    it is right on average; no word is hit twice, so it is also the edit distance, save where a
    substitute happens to repeat a neighbour that was lost.

    Args:
        words: as spoken.
        wer: errors per word, [0, 1].
        rng: decides.
        vocabulary: words to put in the place of others.

    Returns:
        the words that are left, in order.
    """
    errors = int(wer * len(words) + rng.random())
    hit = set(rng.permutation(len(words))[:errors].tolist())
    heard = (
        misheard_word(word, float(index in hit), rng, vocabulary)
        for index, word in enumerate(words)
    )
    return tuple(word for word in heard if word is not None)
