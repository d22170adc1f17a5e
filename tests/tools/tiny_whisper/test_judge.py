from pathlib import Path

import numpy as np
import pytest

from tools.tiny_whisper import judge as module
from tools.tiny_whisper.espeak import available
from tools.tiny_whisper.judge import judge, noisy
from tools.tiny_whisper.speech import UNHEARD, Utterance

pytestmark = pytest.mark.skipif(not available(), reason="needs espeak-ng to speak")


class Perfect:
    """Hears everything, a tenth of a second late."""

    def __init__(self, *_given: object, **_settings: object) -> None:
        pass


def late(_model: object, said: Utterance) -> Utterance:
    spans = tuple((start + 0.1, end + 0.1) for start, end in said.spans_s)
    return Utterance(said.samples, said.words, spans)


def deaf(_model: object, said: Utterance) -> Utterance:
    return Utterance(said.samples, said.words[:1], said.spans_s[:1])


def test_a_verdict_counts_words_sentences_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WhisperModel", Perfect)
    monkeypatch.setattr(module, "UNHEARD", UNHEARD[:1])
    monkeypatch.setattr(module, "read", late)
    good = judge(Path("none"))
    assert (good.sentences, good.words) == (1.0, 1.0)
    assert good.median_s == pytest.approx(0.1)
    monkeypatch.setattr(module, "read", deaf)
    bad = judge(Path("none"))
    assert bad.sentences == 0.0
    assert bad.words < 0.3
    assert bad.median_s == np.inf


def test_noise_has_the_level_that_was_asked_for() -> None:
    tone = (0.3 * np.sin(np.arange(32_000) * 0.3)).astype(np.float32)
    heard = noisy(Utterance(tone, ("la",), ((0.0, 2.0),)), 20.0, np.random.default_rng(0))
    noise = heard.samples[:4800]
    ratio = 10 * np.log10((tone**2).mean() / (noise**2).mean())
    assert ratio == pytest.approx(20.0, abs=0.5)
    assert heard.spans_s[0] == pytest.approx((0.3, 2.3))
