import numpy as np
import pytest

from tacit.models.agreement import Word
from tacit.models.transcriber import Transcript
from tacit.pipeline.inject import InjectError, parse_injections
from tacit.pipeline.inject_text import TextDamage
from tacit.stream.packet import NS_PER_S, Packet

S = NS_PER_S


def said(count: int, committed: int, segment: int = 0) -> Transcript:
    words = tuple(Word(f"w{i}", i * S // 4, (i + 1) * S // 4, 0.9) for i in range(count))
    return Transcript(segment, 0, count * S // 4, words, committed, False, "en")


def heard(t_ns: int) -> Packet:
    data = np.zeros(800, dtype=np.float32)
    return Packet("media", "audio", "p1", "file", 0, 0, t_ns, S // 20, t_ns + S // 20, data)


def test_without_damage_to_text_nothing_changes() -> None:
    harmless = TextDamage(parse_injections("audio:mute,face:delay"))
    transcript, block = said(8, 4), heard(0)
    assert harmless.mishear(transcript) is transcript
    assert harmless.delay(block) is block


def test_delay_moves_availability_within_the_stretch() -> None:
    damage = TextDamage(parse_injections("text:delay=1.5@1-2"))
    moved = [damage.delay(heard(t)).t_available_ns - heard(t).t_available_ns for t in (0, S, 2 * S)]
    assert moved == [0, 1_500_000_000, 0]


def test_words_go_wrong_at_the_stated_rate_within_the_stretch() -> None:
    damage = TextDamage(parse_injections("text:wer=0.4@100-"), seed=3)
    transcript = said(2000, 2000)
    spoilt = {word.t0_ns: word.text for word in damage.mishear(transcript).words}
    wrong = [spoilt.get(word.t0_ns) != word.text for word in transcript.words]
    assert not any(wrong[:400])
    assert float(np.mean(wrong[400:])) == pytest.approx(0.4, abs=0.04)
    lost = 2000 - len(spoilt)
    assert lost / sum(wrong) == pytest.approx(1 / 3, abs=0.06)


def test_settled_words_keep_their_errors_when_more_are_heard() -> None:
    damage = TextDamage(parse_injections("text:wer=0.5"), seed=1)
    before, after = damage.mishear(said(12, 10)), damage.mishear(said(30, 25))
    settled = before.words[: before.committed]
    assert after.words[: len(settled)] == settled
    assert 0 < len(settled) < 10
    other = damage.mishear(said(12, 10, segment=1))
    assert [w.text for w in other.words] != [w.text for w in before.words]


def test_a_rate_outside_of_zero_to_one_is_refused() -> None:
    with pytest.raises(InjectError, match="wer needs a number from 0 to 1"):
        parse_injections("text:wer=2")
