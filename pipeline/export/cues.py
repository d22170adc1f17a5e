"""Windows one after the other, as subtitles and annotation tiers need them.

Windows overlap; cues of one participant don't. A window's cue is the stretch that it adds: from the
end of the window before it to its own end.
"""

import unicodedata
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ...models.labels import EMOTIONS
from ..sessions import SessionData
from .table import Result

ABSTAINED: Final = "abstained"
NOT_MEASURED: Final = "not measured"
VERDICTS: Final = (*EMOTIONS, ABSTAINED, NOT_MEASURED)
"""What may be said of a window in one word or two."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One window and the stretch that it adds.

    Attributes:
        start_ms: start of the stretch.
        end_ms: its end, which is that of the window.
        result: the window's last reading.
        words: what the participant began to say in the stretch.
    """

    start_ms: int
    end_ms: int
    result: Result
    words: str


def cues(session: SessionData) -> list[Cue]:
    """All windows of a session in order of time, each word of the transcripts in one of them."""
    by_participant: dict[str, list[Result]] = defaultdict(list)
    for result in session.results:
        by_participant[result.participant].append(result)
    found = [c for name, own in by_participant.items() for c in _cues_of(session, name, own)]
    return sorted(found, key=lambda c: (c.start_ms, c.end_ms, c.result.participant))


def verdict(result: Result) -> str:
    """The leading emotion, or why there is none; one of `VERDICTS`."""
    if result.fused.emotions is None:
        return NOT_MEASURED
    if result.fused.abstained:
        return ABSTAINED
    return max(result.fused.emotions, key=lambda s: s.probability).name


def readable(cue: Cue, emotions: int = 2) -> str:
    """A cue in two or three lines: emotions, where they come from, and words.

    Args:
        cue: which.
        emotions: how many to name, the most probable first.
    """
    result = cue.result
    leading = sorted(result.fused.emotions or (), key=lambda s: -s.probability)[:emotions]
    said = ", ".join(f"{s.name} {s.probability:.0%}" for s in leading) or NOT_MEASURED
    if leading and result.fused.abstained:
        said = f"unsure ({said})"
    sources = ", ".join(f"{name} {r.source}" for name, r in result.modalities.items())
    lines = [f"{one_line(result.participant)}: {said}", f"[{sources}]"]
    return "\n".join(lines + ([f"“{cue.words}”"] if cue.words else []))


def one_line(text: str) -> str:
    """Text without line breaks, control characters and doubled spaces."""
    kept = (" " if unicodedata.category(c) in ("Cc", "Cn", "Cs") else c for c in text)
    return " ".join("".join(kept).split())


def _cues_of(session: SessionData, participant: str, results: Sequence[Result]) -> list[Cue]:
    ends = [r.window.end_ms for r in results]
    words = _words_by_cue(session, participant, ends)
    found = []
    before = 0
    for number, result in enumerate(results):
        start, end = result.window.start_ms, result.window.end_ms
        begin = max(before, start) if before < end else start
        found.append(Cue(begin, end, result, words.get(number, "")))
        before = end
    return [cue for cue in found if cue.start_ms < cue.end_ms]


def _words_by_cue(session: SessionData, participant: str, ends: Sequence[int]) -> dict[int, str]:
    spoken: dict[int, list[str]] = defaultdict(list)
    for transcript in session.transcripts:
        if transcript.participant != participant:
            continue
        timed = [(w.start_ms, w.text) for w in transcript.words]
        for start_ms, text in timed or [(transcript.start_ms, transcript.text)]:
            spoken[min(bisect_right(ends, start_ms), len(ends) - 1)].append(text)
    return {number: one_line(" ".join(texts)) for number, texts in spoken.items()}
