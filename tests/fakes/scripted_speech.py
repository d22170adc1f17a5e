"""A recogniser that follows a script and a voice detector that listens for loudness alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.models.features import Float32
from tacit.models.voice_activity import VoiceActivity


@dataclass
class SaidWord:
    word: str
    start: float
    end: float
    probability: float = 0.9


@dataclass
class SaidSegment:
    words: list[SaidWord] | None


@dataclass
class Info:
    language: str


def said(text: str, word_s: float = 0.25) -> list[SaidWord]:
    """Words of equal length from the start of the sound."""
    return [
        SaidWord(f" {word}", i * word_s, (i + 1) * word_s) for i, word in enumerate(text.split())
    ]


class ScriptedSpeech:
    """Answers the k-th call with the k-th reading, and the last one from then on."""

    def __init__(self, *readings: str, language: str = "en") -> None:
        self._readings = readings or ("",)
        self._language = language
        self.heard: list[Float32] = []
        self.options: list[dict[str, Any]] = []

    def transcribe(self, audio: Float32, /, **options: Any) -> tuple[Iterable[SaidSegment], Info]:
        reading = self._readings[min(len(self.heard), len(self._readings) - 1)]
        self.heard.append(audio)
        self.options.append(options)
        return iter([SaidSegment(said(reading)), SaidSegment(None)]), Info(self._language)


class LoudnessSession:
    """Speech is what is loud: probability 1 above a mean of .05, else 0."""

    def run(self, output_names: None, input_feed: Mapping[str, Float32], /) -> list[NDArray[Any]]:
        rows = input_feed["input"][:, 64:]
        loud = (np.abs(rows).mean(axis=1) > 0.05).astype(np.float32)
        return [loud, input_feed["h"], input_feed["c"]]


def loudness_detector() -> VoiceActivity:
    return VoiceActivity(LoudnessSession())


def sound(*stretches: tuple[float, float]) -> Float32:
    """Tone of the given (seconds, amplitude) stretches at 16 kHz."""
    parts: Sequence[NDArray[Any]] = [
        amplitude * np.sin(np.arange(round(16_000 * seconds)) * 0.3)
        for seconds, amplitude in stretches
    ]
    whole: Float32 = np.concatenate(parts).astype(np.float32)
    return whole
