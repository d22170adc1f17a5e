import numpy as np
import pytest

from tools.tiny_whisper.espeak import Voice, available, synthesize

pytestmark = pytest.mark.skipif(not available(), reason="needs espeak-ng to speak")


def test_words_are_said_in_order_and_timed() -> None:
    spoken = synthesize("what a wonderful surprise", Voice("en-us"))
    assert spoken.samples.dtype == np.int16
    length = len(spoken.samples)
    # Characters at which "what", "wonderful" and "surprise" begin.
    starts = [spoken.starts[place] for place in (0, 7, 17)]
    assert 0 <= starts[0] < starts[1] < starts[2] < length
    assert 1.0 < length / spoken.rate_hz < 3.0


def test_the_voice_is_obeyed() -> None:
    slow = synthesize("hello there", Voice("en-us", words_per_minute=110))
    fast = synthesize("hello there", Voice("en-us", words_per_minute=180))
    assert len(slow.samples) > 1.3 * len(fast.samples)
    high = synthesize("hello there", Voice("en-us", pitch=80))
    assert not np.array_equal(high.samples, synthesize("hello there", Voice("en-us")).samples)


def test_a_voice_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="no voice 'xx-none'"):
        synthesize("hello", Voice("xx-none"))
