import numpy as np
import pytest

from tools.tiny_whisper.espeak import Voice, available
from tools.tiny_whisper.speech import (
    RATE_HZ,
    SENTENCES,
    SPEAKERS,
    UNHEARD,
    WORDS,
    Utterance,
    say,
    spelled,
)

SAID = Utterance(np.ones(2 * RATE_HZ, np.float32) * 0.5, ("well", "done"), ((0.1, 0.8), (0.8, 1.9)))
speaks = pytest.mark.skipif(not available(), reason="needs espeak-ng to speak")


def test_a_beginning_has_the_words_that_are_over() -> None:
    cut = SAID.until(1.0)
    assert cut.words == ("well",)
    assert len(cut.samples) == RATE_HZ
    assert SAID.until(2.0).words == SAID.words


def test_one_after_the_other_keeps_the_times() -> None:
    both = SAID.then(SAID, pause_s=0.5)
    assert both.words == ("well", "done", "well", "done")
    assert both.spans_s[2] == pytest.approx((2.6, 3.3))
    assert both.length_s == pytest.approx(4.5)


def test_every_sentence_is_made_of_known_words() -> None:
    assert {word for sentence in SENTENCES for word in sentence.split()} == set(WORDS)


def test_the_voices_to_judge_by_are_not_trained_on() -> None:
    assert not {name.split("+")[1] for name in UNHEARD} & set(SPEAKERS)


@speaks
def test_words_follow_each_other_and_fill_the_sound() -> None:
    # "of the" is one word to espeak-ng, so that the two share its time.
    said = say("I am afraid of the dark", Voice("en-us"))
    assert said.words == ("I", "am", "afraid", "of", "the", "dark")
    starts, ends = np.array(said.spans_s).T
    assert starts[0] == 0.0
    assert ends[-1] == pytest.approx(said.length_s, abs=0.01)
    np.testing.assert_allclose(starts[1:], ends[:-1])
    assert (ends > starts).all()
    assert np.abs(said.samples).max() == pytest.approx(0.5)


@speaks
def test_a_word_is_loud_where_it_is_said_to_be() -> None:
    said = spelled(("disgusting", "nine"), Voice("en-us"), np.random.default_rng(0))
    power = said.samples**2
    for start, end in said.spans_s:
        inside = power[round(start * RATE_HZ) : round(end * RATE_HZ)].mean()
        assert inside > 0.3 * power.mean()
    gap = power[round(said.spans_s[0][1] * RATE_HZ) + 1 : round(said.spans_s[1][0] * RATE_HZ)]
    assert gap.size > 0
    assert gap.max() == 0.0
