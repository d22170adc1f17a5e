"""Real words from real sound: voice gate, Whisper, agreement and the text encoder in one piece."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest

from tacit.models.features import Float32
from tacit.models.labels import EMOTIONS
from tacit.models.text_encoder import TextEncoder
from tacit.models.text_timeline import TextTimeline
from tacit.models.transcriber import SpeechModel, Transcriber, Transcript
from tacit.models.transcriber_weights import load_whisper
from tacit.models.voice_activity import VoiceActivity
from tests.fakes.spoken import FIXTURE, SPEAKS, Line, spoken

S = 1_000_000_000
BLOCK = 320
pytestmark = pytest.mark.skipif(not SPEAKS, reason="needs espeak-ng to speak")
HAPPY, SAD = "I am so happy to see you today", "I am very sad about this"


@pytest.fixture(scope="module")
def model() -> SpeechModel:
    return load_whisper(str(FIXTURE))


def run(model: SpeechModel, samples: Float32) -> list[Transcript]:
    transcriber = Transcriber(model, VoiceActivity.load())
    found = []
    for start in range(0, len(samples), BLOCK):
        found += transcriber.step(samples[start : start + BLOCK], start * S // 16_000)
    return found + transcriber.flush()


@pytest.mark.parametrize("voice", ["en-us+f1", "en-us+m5"])
def test_words_come_in_order_with_the_times_at_which_they_are_said(
    model: SpeechModel, voice: str
) -> None:
    samples, truth = spoken([Line(HAPPY, voice), Line(SAD, voice)])
    found = run(model, samples)
    finals = [t for t in found if t.final]
    words = [word for t in finals for word in t.words]
    assert [word.text for word in words] == [word for word, _, _ in truth]
    for word, (_, start_s, end_s) in zip(words, truth, strict=True):
        assert word.t0_ns / S == pytest.approx(start_s, abs=0.3)
        assert word.t1_ns / S == pytest.approx(end_s, abs=0.3)
    starts = [word.t0_ns for word in words]
    assert starts == sorted(starts)
    assert {t.language for t in found} == {"en"}


def test_words_are_heard_before_the_sentence_is_over_and_then_stay(model: SpeechModel) -> None:
    samples, _ = spoken([Line(HAPPY, "en-us+f1", words_per_minute=110)])
    found = run(model, samples)
    assert [t.final for t in found] == [False] * (len(found) - 1) + [True]
    partial = found[0]
    assert 1 <= len(partial.words) < len(found[-1].words)
    settled = 0
    for now, later in pairwise(found):
        before = [word.text for word in now.words[: now.committed]]
        assert [word.text for word in later.words[: now.committed]] == before
        settled = max(settled, now.committed)
    assert settled >= 1
    assert found[-1].text == HAPPY


@pytest.mark.parametrize("level", [0.0, 0.01, 0.1])
def test_silence_and_noise_have_no_words(model: SpeechModel, level: float) -> None:
    noise = np.random.default_rng(0).standard_normal(16_000 * 8) * level
    assert run(model, noise.astype(np.float32)) == []


def test_what_is_said_moves_the_reading_of_the_words(model: SpeechModel) -> None:
    encoder = TextEncoder.load()
    timeline = TextTimeline(encoder, "p1")
    samples, truth = spoken([Line(HAPPY, "en-us+f1"), Line(SAD, "en-us+f1")])
    leading, ends_s = [], []
    for transcript in run(model, samples):
        frame = timeline.add(transcript)
        if frame is not None and transcript.final:
            np.testing.assert_allclose(frame.values, encoder.encode(transcript.text), atol=1e-6)
            leading.append(EMOTIONS[int(encoder.probabilities(transcript.text).argmax())])
            ends_s.append((frame.t_ns + frame.duration_ns) / S)
    assert leading == ["happiness", "sadness"]
    said_s = [end for word, _, end in truth if word in ("today", "this")]
    assert ends_s == pytest.approx(said_s, abs=0.3)


def test_the_recogniser_is_the_one_that_its_card_describes() -> None:
    weights = FIXTURE / "model.bin"
    card = (FIXTURE / "README.md").read_text("utf-8")
    assert hashlib.sha256(weights.read_bytes()).hexdigest() in card
    assert sum(path.stat().st_size for path in FIXTURE.iterdir()) <= 6_000_000
