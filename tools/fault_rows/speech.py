"""Row 18: speech to text that would babble. Rows 16 and 17 are in `workers`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tacit.models.features import Float32
from tacit.models.transcriber import Transcriber
from tacit.models.voice_activity import VoiceActivity
from tacit.pipeline.faults.outcome import Outcome
from tacit.stream.packet import NS_PER_S
from tools.fault_rows.registry import Setting, fault

NOISE_S: Final = 600
BLOCK: Final = 16_000


@dataclass
class _Word:
    word: str
    start: float
    end: float
    probability: float = 0.9


@dataclass
class _Segment:
    words: list[_Word] | None


@dataclass(frozen=True, slots=True)
class _Info:
    language: str = "en"


class Babbler:
    """Speech to text that finds words in whatever it hears."""

    def __init__(self) -> None:
        self.calls = 0

    def transcribe(self, audio: Float32, /, **_options: Any) -> tuple[Iterable[_Segment], _Info]:
        """Words of a quarter second each, from the start to the end."""
        self.calls += 1
        count = int(audio.size / 4000)
        return [_Segment([_Word(" well", k / 4, (k + 1) / 4) for k in range(count)])], _Info()


@fault(18, "words-in-noise", "U")
def words_in_noise(_setting: Setting) -> Outcome:
    """Ten minutes of noise of several kinds, heard by something that finds words in anything."""
    babbler = Babbler()
    transcriber = Transcriber(babbler, VoiceActivity.load())
    words = 0
    for second in range(NOISE_S):
        for transcript in transcriber.step(noise(second), second * NS_PER_S):
            words += len(transcript.words)
    words += sum(len(t.words) for t in transcriber.flush())
    outcome = Outcome()
    found = f"{words} words, asked {babbler.calls} times in {NOISE_S} s"
    outcome.check("no word is found in noise", words == 0, found)
    return outcome


def noise(second: int) -> Float32:
    """One second of noise: white, humming, rumbling, crackling or nearly silent, in turn."""
    source = np.random.default_rng(second)
    white = source.standard_normal(BLOCK)
    t_s = np.arange(BLOCK) / BLOCK
    match second // 60 % 5:
        case 0:
            sound = 0.05 * white
        case 1:
            sound = 0.1 * np.sin(2 * np.pi * 50 * t_s) + 0.01 * white
        case 2:
            sound = np.cumsum(white) / 400
            sound -= sound.mean()
        case 3:
            sound = 0.002 * white + 0.5 * (source.random(BLOCK) > 0.999)
        case _:
            sound = 0.0005 * white
    return np.clip(sound, -1, 1).astype(np.float32)
