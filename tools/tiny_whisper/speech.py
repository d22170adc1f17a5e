"""Synthetic speech of a closed set of sentences, with the time of every word."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from .espeak import Voice, synthesize

Float32 = NDArray[np.float32]
Span = tuple[float, float]

RATE_HZ: Final = 16_000

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
WORDS: Final = sorted({word for sentence in SENTENCES for word in sentence.split()})

ACCENTS: Final = ("en-us", "en", "en-us", "en-gb-x-rp", "en-us-nyc", "en", "en-gb-scotland")
SPEAKERS: Final = (
    *("m1", "m2", "m3", "m4", "m6", "m7", "m8", "f2", "f3", "f4", "f5", "Alex", "Alicia"),
    *("Andy", "Annie", "Denis", "Gene", "Jacky", "Lee", "Marco", "Mario", "Mike", "adam", "anika"),
    *("aunty", "belinda", "benjamin", "boris", "david", "ed", "edward", "grandma", "john"),
    *("linda", "max", "michel", "pablo", "paul", "rob", "robert", "shelby", "steph", "travis"),
)
UNHEARD: Final = (
    "en-us+f1",
    "en-us+m5",
    "en+Andrea",
    "en-us+Michael",
    "en+victor",
    "en-us+zac",
)
"""Voices of speakers that training never hears."""


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """Sound and its words.

    Attributes:
        samples: (N,) float32 mono at 16 kHz.
        words: what is said.
        spans_s: (start, end) of each word, in seconds.
    """

    samples: Float32
    words: tuple[str, ...]
    spans_s: tuple[Span, ...]

    @property
    def length_s(self) -> float:
        """How long it is."""
        return len(self.samples) / RATE_HZ

    def until(self, end_s: float) -> "Utterance":
        """The beginning, with the words that are over by then."""
        whole = sum(end <= end_s for _, end in self.spans_s)
        cut = self.samples[: round(end_s * RATE_HZ)]
        return Utterance(cut, self.words[:whole], self.spans_s[:whole])

    def then(self, other: "Utterance", pause_s: float = 0.0) -> "Utterance":
        """This and, after a pause, another."""
        pause = np.zeros(round(pause_s * RATE_HZ), dtype=np.float32)
        begin_s = (len(self.samples) + len(pause)) / RATE_HZ
        spans = tuple((start + begin_s, end + begin_s) for start, end in other.spans_s)
        return Utterance(
            np.concatenate([self.samples, pause, other.samples]),
            self.words + other.words,
            self.spans_s + spans,
        )


def say(sentence: str, voice: Voice) -> Utterance:
    """A sentence in one breath.

    A word ends where the next begins, as recognisers have it, too. Words that espeak-ng says as one
    share their time by their letters.

    Returns:
        the sound with peak 0.5, without the silence before and after it.

    Raises:
        RuntimeError: espeak-ng is not installed, or said nothing.
        ValueError: it has no such voice.
    """
    spoken = synthesize(sentence, voice)
    raw = spoken.samples.astype(np.float32)
    loud = np.flatnonzero(np.abs(raw) > 0.02 * np.abs(raw).max())
    first, last = int(loud[0]), int(loud[-1]) + 1
    words = tuple(sentence.split())
    edges = _edges(words, spoken.starts, first, last)
    sound = resample_poly(raw[first:last], RATE_HZ // 50, spoken.rate_hz // 50)
    spans = tuple(
        ((a - first) / spoken.rate_hz, (b - first) / spoken.rate_hz) for a, b in pairwise(edges)
    )
    return Utterance(np.float32(0.5 / np.abs(sound).max()) * sound, words, spans)


def _edges(words: tuple[str, ...], starts: dict[int, int], first: int, last: int) -> list[int]:
    """Samples at which words begin, and at which the last one ends."""
    places, place = [], 0
    for word in words:
        places.append(place)
        place += len(word) + 1
    known = {0: first, place: last}
    known |= {p: min(max(starts[p], first), last) for p in places[1:] if p in starts}
    edges = np.interp([*places, place], sorted(known), [known[p] for p in sorted(known)])
    return [round(edge) for edge in edges]


def spelled(words: tuple[str, ...], voice: Voice, rng: np.random.Generator) -> Utterance:
    """Words said one by one with short pauses between, in whatever order."""
    found = say(words[0], voice)
    for word in words[1:]:
        found = found.then(say(word, voice), rng.uniform(0.01, 0.12))
    return found


def corpus(rng: np.random.Generator) -> list[Utterance]:
    """Every sentence by every speaker, and words out of order, at many speeds and pitches."""
    found: list[Utterance] = []
    for number, speaker in enumerate(SPEAKERS):
        name = f"{ACCENTS[number % len(ACCENTS)]}+{speaker}"
        for sentence in SENTENCES:
            found += [say(sentence, _voice(name, rng)) for _ in range(2)]
        mixed = rng.permutation(WORDS)
        for start in range(0, len(mixed), 6):
            words = tuple(str(word) for word in mixed[start : start + 6])
            found.append(spelled(words, _voice(name, rng), rng))
    return found


def _voice(name: str, rng: np.random.Generator) -> Voice:
    speed, pitch, melody = rng.integers((110, 25, 25), (185, 80, 75))
    return Voice(name, int(speed), int(pitch), int(melody))
