from tacit.pipeline.rate import SPAN, RateMeter

MS = 1_000_000


def fed(meter: RateMeter, interval_ms: float, count: int) -> RateMeter:
    for _ in range(count):
        meter.add(round(interval_ms * MS))
    return meter


def test_the_nominal_interval_holds_until_two_were_seen() -> None:
    meter = RateMeter(33 * MS)
    assert meter.typical_ns == 33 * MS
    assert fed(meter, 40, 2).typical_ns == 40 * MS


def test_a_stream_is_slow_below_nine_tenths_of_its_first_rate() -> None:
    meter = fed(RateMeter(33 * MS), 33, SPAN)
    assert not meter.slow
    assert not fed(meter, 36, SPAN).slow
    assert fed(meter, 37, SPAN).slow
    assert not fed(meter, 33, SPAN).slow


def test_a_single_long_interval_does_not_change_what_is_typical() -> None:
    meter = fed(RateMeter(33 * MS), 33, 20)
    assert fed(meter, 500, 1).typical_ns == 33 * MS


def test_an_irregular_stream_has_no_rate_to_fall_behind() -> None:
    meter = RateMeter(33 * MS)
    for _ in range(SPAN // 5):
        fed(fed(meter, 33, 3), 120, 2)
    assert meter.share == 1.0
    assert not fed(meter, 300, SPAN).slow
