"""Synthetic speech of a closed set of sentences, with the time of every word."""

import itertools
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile
from scipy.signal import resample_poly

Float32 = NDArray[np.float32]

RATE_HZ: Final = 16_000
ESPEAK_HZ: Final = 22_050

SENTENCES: Final = (
    "I am so happy to see you today",
    "this is really good news",
    "I am very sad about this",
    "I hate this so much",
    "I am afraid of the dark",
    "that food is disgusting",
    "what a wonderful surprise",
    "please leave me alone now",
    "it is just an ordinary day",
    "the meeting starts at nine",
    "we won the game again",
    "I miss my old friend",
)
VOICES: Final = ("en-us+f3", "en-us+m3", "en-us", "en-gb", "en-us+f2", "en-us+m7", "en-gb+f4")
UNHEARD: Final = "en-us+f1"
"""Voice that training never hears."""
SPEEDS: Final = (125, 145, 165)
WORDS: Final = sorted({word for sentence in SENTENCES for word in sentence.split()})


@dataclass(frozen=True, slots=True)
class Voice:
    """How something is said.

    Attributes:
        name: of espeak-ng.
        words_per_minute: its speed.
        pitch: 0 to 99.
    """

    name: str
    words_per_minute: int = 145
    pitch: int = 50


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """Sound and its words.

    Attributes:
        samples: (N,) float32 mono at 16 kHz.
        words: what is said.
        ends_s: (W,) where each word ends.
    """

    samples: Float32
    words: tuple[str, ...]
    ends_s: tuple[float, ...]

    def until(self, end_s: float) -> "Utterance":
        """The beginning, with the words that are over by then."""
        whole = [end for end in self.ends_s if end <= end_s]
        cut = self.samples[: round(end_s * RATE_HZ)]
        return Utterance(cut, self.words[: len(whole)], tuple(whole))


@cache
def say(text: str, voice: Voice) -> Float32:
    """Have espeak-ng say something; silence before and after is cut off.

    Returns:
        (N,) float32 mono at 16 kHz, peak 0.5.

    Raises:
        RuntimeError: espeak-ng is not installed.
    """
    program = shutil.which("espeak-ng")
    if program is None:
        raise RuntimeError("needs espeak-ng (Debian: apt-get install espeak-ng)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voice.wav"
        speed, pitch = str(voice.words_per_minute), str(voice.pitch)
        subprocess.run(
            [program, "-v", voice.name, "-s", speed, "-p", pitch, "-w", str(path), text],
            check=True,
            timeout=30,
        )
        _, samples = wavfile.read(path)
    sound = resample_poly(samples.astype(np.float32), 320, ESPEAK_HZ * 320 // RATE_HZ)
    loud = np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())
    sound = sound[loud[0] : loud[-1] + 1]
    return np.asarray(sound * (0.5 / np.abs(sound).max()), dtype=np.float32)


def fluent(sentence: str, voice: Voice) -> Utterance:
    """A sentence in one breath; its words' ends are guessed from how long each takes alone."""
    sound = say(sentence, voice)
    words = tuple(sentence.split())
    lengths = np.array([len(say(word, voice)) for word in words], dtype=np.float64)
    ends = np.cumsum(lengths) / lengths.sum() * len(sound) / RATE_HZ
    return Utterance(sound, words, tuple(ends.tolist()))


def spelled(sentence: str, voice: Voice, rng: np.random.Generator) -> Utterance:
    """A sentence word by word, so that the ends of its words are known."""
    words = tuple(sentence.split())
    parts: list[Float32] = []
    ends: list[float] = []
    length = 0
    for word in words:
        sound = say(word, voice)
        gap = np.zeros(int(rng.integers(160, 1600)), dtype=np.float32)
        parts += [sound, gap]
        ends.append((length + len(sound)) / RATE_HZ)
        length += len(sound) + len(gap)
    return Utterance(np.concatenate(parts), words, tuple(ends))


def corpus(rng: np.random.Generator) -> list[Utterance]:
    """Every sentence by every voice at every speed, in one breath and word by word."""
    found: list[Utterance] = []
    for name, speed, sentence in itertools.product(VOICES, SPEEDS, SENTENCES):
        voice = Voice(name, speed)
        found += [fluent(sentence, voice), spelled(sentence, voice, rng)]
    return found


def heard(utterance: Utterance, rng: np.random.Generator) -> Utterance:
    """The utterance as a microphone might give it: later, softer, noisy, perhaps not yet over."""
    if rng.random() < 0.4:
        utterance = utterance.until(rng.uniform(0.5, 1.0) * len(utterance.samples) / RATE_HZ)
    before = int(rng.integers(0, RATE_HZ // 2))
    after = int(rng.integers(0, RATE_HZ // 2))
    samples = np.pad(utterance.samples, (before, after)) * np.float32(rng.uniform(0.2, 1.4))
    level = 10 ** rng.uniform(-5.0, -2.3)
    noise = rng.standard_normal(len(samples), dtype=np.float32) * np.float32(level)
    ends = tuple(end + before / RATE_HZ for end in utterance.ends_s)
    return Utterance(np.clip(samples + noise, -1, 1), utterance.words, ends)
