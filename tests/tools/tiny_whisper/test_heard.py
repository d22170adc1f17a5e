import numpy as np

from tools.tiny_whisper.heard import heard
from tools.tiny_whisper.speech import RATE_HZ, Utterance

TONE = (0.5 * np.sin(np.arange(2 * RATE_HZ) * 0.3)).astype(np.float32)
SAID = Utterance(TONE, ("well", "done"), ((0.1, 0.8), (0.8, 1.9)))


def test_what_is_heard_stays_in_range_and_keeps_its_times() -> None:
    rng = np.random.default_rng(0)
    found = [heard(SAID, rng) for _ in range(60)]
    for piece in found:
        assert piece.samples.dtype == np.float32
        assert np.abs(piece.samples).max() <= 1.0
        assert len(piece.words) == len(piece.spans_s)
        assert all(0 <= start < end <= piece.length_s + 0.01 for start, end in piece.spans_s)
    assert {len(piece.words) for piece in found} == {0, 1, 2}


def test_no_two_are_alike_and_a_seed_repeats_them() -> None:
    one, two = heard(SAID, np.random.default_rng(3)), heard(SAID, np.random.default_rng(3))
    np.testing.assert_array_equal(one.samples, two.samples)
    other = heard(SAID, np.random.default_rng(4))
    assert not np.array_equal(one.samples[:8000], other.samples[:8000])
