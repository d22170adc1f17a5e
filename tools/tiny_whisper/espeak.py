"""Speech by espeak-ng's library, with the times at which its words begin.

The program `espeak-ng` tells no times, so the library is called: `espeak_Synth` hands the sound to
a callback, together with an event for each word.
"""

import ctypes
import ctypes.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_SYNCHRONOUS: Final = 2
_RATE, _PITCH, _RANGE = 1, 3, 4
_UTF8, _CHARACTERS = 1, 1
_WORD: Final = 1


class _Event(ctypes.Structure):
    """`espeak_EVENT`; positions in the text count from 1, in characters."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True, slots=True)
class Voice:
    """How something is said.

    Attributes:
        name: of espeak-ng: an accent, and perhaps "+" and a speaker.
        words_per_minute: its speed, from 80.
        pitch: 0 to 99.
        melody: how much the pitch moves, 0 to 99.
    """

    name: str
    words_per_minute: int = 145
    pitch: int = 50
    melody: int = 50


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """What espeak-ng said.

    Attributes:
        samples: (N,) int16 mono.
        rate_hz: its sampling rate.
        starts: sample at which a word begins, by the word's first character in the text. Some
            words are said as one ("of the"); of these only the first is there.
    """

    samples: NDArray[np.int16]
    rate_hz: int
    starts: dict[int, int]


class _Library:
    """The loaded library; it can be set up only once per process."""

    def __init__(self) -> None:
        found = ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1"
        try:
            self._calls = ctypes.CDLL(found)
        except OSError as exc:
            raise RuntimeError("needs espeak-ng (Debian: apt-get install espeak-ng)") from exc
        self.rate_hz = int(self._calls.espeak_Initialize(_SYNCHRONOUS, 0, None, 0))
        if self.rate_hz <= 0:
            raise RuntimeError("espeak-ng has no voices; install its package espeak-ng-data")
        self._parts: list[NDArray[np.int16]] = []
        self._starts: dict[int, int] = {}
        # The library keeps the pointer, so the object has to live as long.
        self._callback: Callable[..., int] = _CALLBACK(self._take)
        self._calls.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: Voice) -> Spoken:
        if self._calls.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice.name!r}")
        for number, value in (
            (_RATE, voice.words_per_minute),
            (_PITCH, voice.pitch),
            (_RANGE, voice.melody),
        ):
            self._calls.espeak_SetParameter(number, value, 0)
        self._parts, self._starts = [], {}
        data = text.encode()
        failed = self._calls.espeak_Synth(data, len(data) + 1, 0, _CHARACTERS, 0, _UTF8, None, None)
        if failed or not self._parts:
            raise RuntimeError(f"espeak-ng said nothing for {text!r}")
        return Spoken(np.concatenate(self._parts), self.rate_hz, dict(self._starts))

    def _take(self, wave: Any, count: int, events: Any) -> int:
        if wave and count:
            self._parts.append(np.ctypeslib.as_array(wave, (count,)).copy())
        place = 0
        while events[place].type:
            event = events[place]
            if event.type == _WORD:
                self._starts.setdefault(event.text_position - 1, event.sample)
            place += 1
        return 0


@cache
def _library() -> _Library:
    return _Library()


def available() -> bool:
    """Whether espeak-ng can be used here."""
    try:
        _library()
    except RuntimeError:
        return False
    return True


def synthesize(text: str, voice: Voice) -> Spoken:
    """Have espeak-ng say something.

    Raises:
        RuntimeError: espeak-ng is not installed, or said nothing.
        ValueError: it has no such voice.
    """
    return _library().say(text, voice)
