"""Words from growing hypotheses: what two in a row agree on is committed (LocalAgreement-2).

Machacek, Dabre and Bojar, "Turning Whisper into Real-Time Transcription System" (2023): a streaming
recogniser re-reads the growing sound, and the longest common prefix of its last two readings is
taken as settled.
"""

import unicodedata
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word.

    Attributes:
        text: as written by the recogniser, without surrounding spaces.
        t0_ns: start, session clock.
        t1_ns: end, session clock; never before `t0_ns`.
        probability: the recogniser's own, [0, 1].
    """

    text: str
    t0_ns: int
    t1_ns: int
    probability: float


class Agreement:
    """Committed words of one speech segment; once committed, a word's text never changes."""

    def __init__(self) -> None:
        self._committed: list[Word] = []
        self._tail: list[Word] = []

    @property
    def committed(self) -> tuple[Word, ...]:
        """Words that will stay."""
        return tuple(self._committed)

    @property
    def words(self) -> tuple[Word, ...]:
        """Committed words and then the unsettled rest of the last hypothesis."""
        return (*self._committed, *self._tail)

    def offer(self, hypothesis: tuple[Word, ...]) -> tuple[Word, ...]:
        """Take a new reading of the whole segment and return the words that it settles."""
        rest = self._after_committed(hypothesis)
        agreed = 0
        for before, now in zip(self._tail, rest, strict=False):
            if _plain(before.text) != _plain(now.text):
                break
            agreed += 1
        return self._commit(rest[:agreed], rest[agreed:])

    def finish(self, hypothesis: tuple[Word, ...]) -> tuple[Word, ...]:
        """Take the last reading; all of it that follows the committed words is settled."""
        return self._commit(self._after_committed(hypothesis), [])

    def _after_committed(self, hypothesis: tuple[Word, ...]) -> list[Word]:
        count = len(self._committed)
        same = len(hypothesis) >= count and all(
            _plain(a.text) == _plain(b.text)
            for a, b in zip(self._committed, hypothesis, strict=False)
        )
        if same:
            return list(hypothesis[count:])
        # The recogniser changed its mind about settled words, so that counting them would skip or
        # repeat some: go by time instead.
        end_ns = self._committed[-1].t1_ns
        return [word for word in hypothesis if word.t0_ns + word.t1_ns > 2 * end_ns]

    def _commit(self, settled: list[Word], tail: list[Word]) -> tuple[Word, ...]:
        new = []
        for word in settled:
            # A later reading may shift times; what is committed stays in order all the same.
            floor = self._committed[-1].t1_ns if self._committed else word.t0_ns
            t0_ns = max(word.t0_ns, floor)
            word = replace(word, t0_ns=t0_ns, t1_ns=max(word.t1_ns, t0_ns))
            self._committed.append(word)
            new.append(word)
        self._tail = tail
        return tuple(new)


def _plain(text: str) -> str:
    """The word without case and punctuation, which flicker between readings."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    bare = "".join(c for c in folded if c.isalnum())
    return bare or folded
