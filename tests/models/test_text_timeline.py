import numpy as np

from tacit.models.agreement import Word
from tacit.models.features import Float32, TokenGrid, pool_frames
from tacit.models.text_timeline import TextTimeline
from tacit.models.transcriber import Transcript

S = 1_000_000_000


class LengthEncoder:
    """Encodes a phrase as its number of words and remembers it."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, text: str) -> Float32:
        self.texts.append(text)
        return np.full(2, len(text.split()), dtype=np.float32)


def transcript(
    text: str, committed: int, *, segment: int = 0, final: bool = False, language: str = "en"
) -> Transcript:
    words = tuple(
        Word(w, i * S // 4, (i + 1) * S // 4, 0.5 + 0.1 * (i % 2))
        for i, w in enumerate(text.split())
    )
    return Transcript(segment, 0, 4 * S, words, committed, final, language)


def test_new_words_give_a_frame_over_their_time() -> None:
    encoder = LengthEncoder()
    frame = TextTimeline(encoder, "p1").add(transcript("ask not what", 2))
    assert frame is not None
    assert (frame.modality, frame.participant) == ("text", "p1")
    assert (frame.t_ns, frame.duration_ns) == (0, S // 2)
    assert encoder.texts == ["ask not"]
    assert frame.quality == 0.55


def test_the_phrase_so_far_is_encoded_but_only_new_words_are_covered() -> None:
    encoder = LengthEncoder()
    timeline = TextTimeline(encoder, "p1")
    timeline.add(transcript("ask not what", 2))
    frame = timeline.add(transcript("ask not what your", 4, final=True))
    assert frame is not None
    assert (frame.t_ns, frame.duration_ns) == (S // 2, S // 2)
    assert encoder.texts[-1] == "ask not what your"


def test_no_new_word_gives_no_frame() -> None:
    encoder = LengthEncoder()
    timeline = TextTimeline(encoder, "p1")
    assert timeline.add(transcript("ask", 0)) is None
    assert timeline.add(transcript("ask not", 2)) is not None
    assert timeline.add(transcript("ask not", 2)) is None
    assert timeline.add(transcript("", 0, final=True, segment=1)) is None
    assert len(encoder.texts) == 1


def test_a_new_segment_starts_a_new_phrase() -> None:
    encoder = LengthEncoder()
    timeline = TextTimeline(encoder, "p1")
    timeline.add(transcript("one two", 2, final=True))
    timeline.add(transcript("three", 1, segment=1, final=True))
    assert encoder.texts == ["one two", "three"]


def test_a_language_that_the_encoder_cannot_read_is_left_out() -> None:
    encoder = LengthEncoder()
    assert TextTimeline(encoder, "p1").add(transcript("frage nicht", 2, language="de")) is None
    assert encoder.texts == []


def test_a_phrase_spans_the_bins_of_a_window() -> None:
    frame = TextTimeline(LengthEncoder(), "p1").add(transcript("a b c d e f g h", 8))
    assert frame is not None
    tokens, mask = pool_frames([frame], 3 * S, 2, TokenGrid())
    assert mask.tolist() == [True] * 8 + [False] * 4
    assert (tokens[:8] == 8).all()
