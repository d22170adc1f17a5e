from tacit.pipeline.live.overload import WORDS, Overload, Shed
from tacit.stream.packet import NS_PER_MS, NS_PER_S

LATE, FINE = 400 * NS_PER_MS, 100 * NS_PER_MS


def levels(overload: Overload, transit_ns: int, begin_s: float, seconds: float) -> list[Shed]:
    """The level at each change during a stretch."""
    changes = []
    for k in range(round(seconds * 20)):
        now_ns = round((begin_s + k / 20) * NS_PER_S)
        if overload.observe(transit_ns, now_ns):
            changes.append(overload.level)
    return changes


def test_things_are_left_out_in_the_stated_order_and_come_back_in_reverse() -> None:
    overload = Overload()
    assert levels(overload, FINE, 0, 30) == []
    assert levels(overload, LATE, 30, 20) == [Shed.VIEWS, Shed.RECOVERY, Shed.FACE_RATE]
    assert levels(overload, FINE, 50, 20) == [Shed.RECOVERY, Shed.VIEWS, Shed.NOTHING]


def test_a_slow_moment_is_no_overload() -> None:
    overload = Overload()
    for k in range(20):
        assert levels(overload, LATE, 4 * k, 1.4) == []
        assert levels(overload, FINE, 4 * k + 1.4, 2.6) == []


def test_the_first_thing_goes_within_two_seconds_and_comes_back_within_five() -> None:
    overload = Overload()
    assert levels(overload, LATE, 0, 1.6) == [Shed.VIEWS]
    assert levels(overload, FINE, 1.6, 3.9) == []
    assert levels(overload, FINE, 5.5, 0.3) == [Shed.NOTHING]


def test_every_level_is_said_in_words() -> None:
    assert set(WORDS) == set(Shed)
    assert all(code.startswith("overload.") and text for code, text in WORDS.values())
