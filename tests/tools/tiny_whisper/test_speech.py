import numpy as np

from tools.tiny_whisper.speech import RATE_HZ, SENTENCES, WORDS, Utterance, heard

SAID = Utterance(np.ones(2 * RATE_HZ, np.float32) * 0.5, ("well", "done"), (0.8, 1.9))


def test_a_beginning_has_the_words_that_are_over() -> None:
    cut = SAID.until(1.0)
    assert cut.words == ("well",)
    assert len(cut.samples) == RATE_HZ
    assert SAID.until(2.0).words == SAID.words


def test_what_is_heard_stays_in_range_and_keeps_its_times() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        found = heard(SAID, rng)
        assert np.abs(found.samples).max() <= 1.0
        assert all(end <= len(found.samples) / RATE_HZ for end in found.ends_s)
        assert len(found.words) == len(found.ends_s)


def test_every_sentence_is_made_of_known_words() -> None:
    assert {word for sentence in SENTENCES for word in sentence.split()} == set(WORDS)
