"""From transcripts to text features: one frame per stretch of newly settled words.

What is encoded is the whole settled part of the running segment, because a few words alone say
little; the frame covers the time of the new words only, so that every bin of a window carries the
reading of what had been said up to then. A sentence spoken within a window thus looks like one
phrase vector spread over the bins that it spans, which is how the fusion is trained.
"""

from typing import Final, Protocol

from .features import FeatureFrame, Float32
from .transcriber import Transcript

LANGUAGES: Final = frozenset({"en"})
"""What the shipped text encoder can read."""


class PhraseEncoder(Protocol):
    """The part of `TextEncoder` that is used here."""

    def encode(self, text: str) -> Float32:
        """Vector (D,) float32 of a phrase."""
        ...


class TextTimeline:
    """Turns the transcripts of one participant into feature frames."""

    def __init__(self, encoder: PhraseEncoder, participant: str) -> None:
        self._encoder = encoder
        self._participant = participant
        self._segment = -1
        self._encoded = 0

    def add(self, transcript: Transcript) -> FeatureFrame | None:
        """Take the next transcript.

        Args:
            transcript: from `Transcriber`, in order.

        Returns:
            a frame over the words settled since the last one, its quality the mean of their
            probabilities; None where nothing was settled or the language cannot be read.
        """
        if transcript.segment != self._segment:
            self._segment, self._encoded = transcript.segment, 0
        settled = transcript.words[: transcript.committed]
        new = settled[self._encoded :]
        if not new or transcript.language not in LANGUAGES:
            return None
        self._encoded = len(settled)
        return FeatureFrame(
            modality="text",
            participant=self._participant,
            t_ns=new[0].t0_ns,
            duration_ns=new[-1].t1_ns - new[0].t0_ns,
            values=self._encoder.encode(" ".join(word.text for word in settled)),
            quality=sum(word.probability for word in new) / len(new),
        )
