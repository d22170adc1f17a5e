"""Sentences said by espeak-ng, with the times of their words, for the tiny Whisper."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tacit.models.features import Float32
from tools.tiny_whisper.espeak import Voice, available
from tools.tiny_whisper.speech import RATE_HZ, say

FIXTURE: Final = Path(__file__).resolve().parent.parent / "fixtures" / "whisper"
SPEAKS: Final = available()
PAUSE_S: Final = 1.2
"""Between sentences: longer than the voice gate waits for more."""

Timed = tuple[str, float, float]


@dataclass(frozen=True)
class Line:
    """Something to say, by a voice that the recogniser was not trained on."""

    text: str
    voice: str = "en-us+f1"
    words_per_minute: int = 145


def spoken(lines: list[Line], noise: float = 0.001) -> tuple[Float32, list[Timed]]:
    """Sentences with pauses before, between and after them, in faint noise.

    Returns:
        (N,) float32 at 16 kHz, and each word with its start and end in seconds.
    """
    pause = np.zeros(round(PAUSE_S * RATE_HZ), dtype=np.float32)
    parts, words, now_s = [pause], [], PAUSE_S
    for line in lines:
        said = say(line.text, Voice(line.voice, line.words_per_minute))
        words += [
            (word, now_s + start, now_s + end)
            for word, (start, end) in zip(said.words, said.spans_s, strict=True)
        ]
        parts += [said.samples, pause]
        now_s += said.length_s + PAUSE_S
    samples = np.concatenate(parts)
    rng = np.random.default_rng(0)
    return samples + rng.standard_normal(len(samples), dtype=np.float32) * np.float32(noise), words
