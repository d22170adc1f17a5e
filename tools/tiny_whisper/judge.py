"""How well the converted recogniser hears voices that it was not trained on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel

from .espeak import Voice
from .speech import RATE_HZ, SENTENCES, UNHEARD, Utterance, say


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured on every sentence by every unheard voice.

    Attributes:
        sentences: share that came across without a fault.
        words: share of words in their place.
        median_s: median error of the words' starts and ends; without the start of the first one,
            which alignment puts where the sound begins.
        p95_s: the error that 95 % of them stay below.
    """

    sentences: float
    words: float
    median_s: float
    p95_s: float


def judge(folder: Path, snr_db: float = 30.0) -> Verdict:
    """Read what unheard voices say, with noise, through faster-whisper.

    Args:
        folder: of the converted recogniser.
        snr_db: level of speech over that of white noise.
    """
    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)
    rng = np.random.default_rng(1)
    whole, words, errors = [], [], []
    for name in UNHEARD:
        for sentence in SENTENCES:
            speed, pitch = rng.integers((120, 35), (175, 65))
            clean = say(sentence, Voice(name, int(speed), int(pitch)))
            said = noisy(clean, snr_db, rng)
            heard = read(model, said)
            whole.append(heard.words == said.words)
            words += [a == b for a, b in zip(said.words, _filled(heard, said), strict=True)]
            if whole[-1]:
                errors += np.abs(np.array(heard.spans_s) - said.spans_s).ravel()[1:].tolist()
    median, p95 = np.quantile(errors, (0.5, 0.95)) if errors else (np.inf, np.inf)
    return Verdict(float(np.mean(whole)), float(np.mean(words)), float(median), float(p95))


def noisy(said: Utterance, snr_db: float, rng: np.random.Generator) -> Utterance:
    """With 0.3 s before and after it, and white noise over all."""
    samples = np.pad(said.samples, round(0.3 * RATE_HZ))
    level = np.sqrt((said.samples**2).mean()) * 10 ** (-snr_db / 20)
    noise = rng.standard_normal(len(samples), dtype=np.float32) * np.float32(level)
    spans = tuple((a + 0.3, b + 0.3) for a, b in said.spans_s)
    return Utterance(samples + noise, said.words, spans)


def read(model: WhisperModel, said: Utterance) -> Utterance:
    """The same sound with the words and times that the recogniser finds."""
    segments, _ = model.transcribe(
        said.samples, beam_size=1, temperature=0.0, word_timestamps=True, vad_filter=False
    )
    words = [word for segment in segments for word in segment.words or ()]
    return Utterance(
        said.samples,
        tuple(word.word.strip() for word in words),
        tuple((float(word.start), float(word.end)) for word in words),
    )


def _filled(heard: Utterance, said: Utterance) -> tuple[str, ...]:
    return (*heard.words, *("",) * len(said.words))[: len(said.words)]
