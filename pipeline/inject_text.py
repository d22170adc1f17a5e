"""Deliberate damage to words, which come into being only behind the recogniser."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ..models import degradations
from ..models.agreement import Word
from ..models.transcriber import Transcript
from ..stream.packet import NS_PER_S, Packet
from .inject import Injection


class TextDamage:
    """Makes words late or wrong, as a slow or poor recogniser would.

    Args:
        injections: those of other modalities are left to `damage`.
        seed: chooses the errors; a word keeps its error in every reading of its segment.
    """

    def __init__(self, injections: Iterable[Injection], seed: int = 0) -> None:
        self._text = tuple(i for i in injections if i.modality == "text")
        self._seed = seed

    def delay(self, heard: Packet) -> Packet:
        """The sound that words come from, with the time at which they can be used moved."""
        for injection in self._text:
            if injection.kind == "delay" and injection.holds(heard.t_capture_ns):
                late_ns = round(injection.value * NS_PER_S)
                heard = replace(heard, t_available_ns=heard.t_available_ns + late_ns)
        return heard

    def mishear(self, transcript: Transcript) -> Transcript:
        """The transcript with errors in the words that begin in a stretch of `wer`."""
        rates = [i for i in self._text if i.kind == "wer"]
        if not rates:
            return transcript
        kept: list[Word] = []
        committed = 0
        for index, word in enumerate(transcript.words):
            heard: str | None = word.text
            for number, injection in enumerate(rates):
                if heard is not None and injection.holds(word.t0_ns):
                    key = (self._seed, number, transcript.segment, index)
                    source = np.random.default_rng(key)
                    heard = degradations.misheard_word(heard, injection.value, source)
            if heard is not None:
                kept.append(replace(word, text=heard))
                committed += index < transcript.committed
        return replace(transcript, words=tuple(kept), committed=committed)
