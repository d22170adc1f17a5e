import numpy as np

from tacit.pipeline.quality import Quality, QualityFlag
from tacit.pipeline.words_check import LATE_NS, MEMORY_NS, WordsCheck
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Packet

SILENT = Quality(frozenset({QualityFlag.SILENT}))
QUIET = Quality(frozenset({QualityFlag.QUIET}))
CLIPPED = Quality(frozenset({QualityFlag.CLIPPED}))
BLOCK_NS = 20 * NS_PER_MS


def sound(check: WordsCheck, t0_s: float, t1_s: float, quality: Quality) -> None:
    for t_ns in range(round(t0_s * NS_PER_S), round(t1_s * NS_PER_S), BLOCK_NS):
        end_ns = t_ns + BLOCK_NS
        check.hear(Packet("feature", "audio", "p1", "a", 0, 0, t_ns, BLOCK_NS, end_ns), quality)


def progress(to_s: float, lag_s: float = 0.0) -> Packet:
    end_ns = round(to_s * NS_PER_S)
    available_ns = end_ns + round(lag_s * NS_PER_S)
    nothing = np.zeros(0, np.float32)
    start_ns = end_ns - BLOCK_NS
    return Packet("bound", "text", "p1", "t", 0, 0, start_ns, BLOCK_NS, available_ns, nothing)


def babbles(check: WordsCheck, t0_s: float, t1_s: float) -> bool:
    return check.babbles(round(t0_s * NS_PER_S), round(t1_s * NS_PER_S))


def test_words_where_there_was_sound_are_believed() -> None:
    check = WordsCheck()
    sound(check, 0, 2, SILENT)
    sound(check, 2, 5, Quality())
    assert not babbles(check, 2.1, 4.5)
    assert not babbles(check, 1.5, 3.0)
    assert check.finding(progress(5)).flags == set()


def test_words_in_silence_and_in_a_quiet_room_are_made_up() -> None:
    for quality in (SILENT, QUIET):
        check = WordsCheck()
        sound(check, 1, 4, quality)
        assert babbles(check, 1.5, 3.5)
        assert babbles(check, 2.0, 2.0)
        assert check.finding(progress(5)).flags == {QualityFlag.BABBLE}
        assert check.finding(progress(6)).flags == set()


def test_loud_sound_can_hold_words() -> None:
    check = WordsCheck()
    sound(check, 0, 3, CLIPPED)
    assert not babbles(check, 0.5, 2.5)


def test_a_silence_that_began_before_it_was_certain_counts_from_its_start() -> None:
    check = WordsCheck()
    late = Quality(frozenset({QualityFlag.SILENT}), {}, since_ns=NS_PER_S)
    sound(check, 1.5, 2.0, late)
    assert babbles(check, 1.0, 1.4)


def test_recognition_that_lags_is_late() -> None:
    check = WordsCheck()
    limit_s = LATE_NS / NS_PER_S
    assert check.finding(progress(5, limit_s)).flags == set()
    quality = check.finding(progress(6, limit_s + 0.01))
    assert quality.flags == {QualityFlag.LATE}
    assert quality.measures["lag_ms"] == limit_s * 1000 + 10
    check.missed()
    assert check.finding(progress(7)).flags == {QualityFlag.LATE}


def test_what_is_remembered_is_bounded() -> None:
    check = WordsCheck()
    for second in range(0, 200, 2):
        sound(check, second, second + 1, SILENT)
    assert babbles(check, 198.1, 198.9)
    assert not babbles(check, 100.1, 100.9)
    assert len(check._unheard) <= MEMORY_NS // NS_PER_S
