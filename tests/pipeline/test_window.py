from dataclasses import replace

import numpy as np
import pytest

from tacit.models.features import FeatureFrame
from tacit.pipeline.window import WindowConfig, Windower
from tests.fakes.windows import (
    MS,
    advance,
    assert_balanced,
    ends_ms,
    feed,
    frame,
    revisions,
    stream,
    windower,
)

# --- closing ---------------------------------------------------------------------------------


def test_a_window_closes_when_both_streams_have_passed_its_end() -> None:
    cut = windower()
    advance(cut, 500, "audio")
    assert cut.poll(500 * MS) == []
    advance(cut, 499, "face")
    assert cut.poll(500 * MS) == []
    advance(cut, 500, "face")
    assert ends_ms(cut.poll(500 * MS)) == [500]


def test_windows_follow_each_other_without_a_gap() -> None:
    cut = windower()
    advance(cut, 5200)
    closed = cut.poll(5200 * MS)
    assert ends_ms(closed) == list(range(500, 5001, 500))
    assert revisions(closed) == [(k, 0) for k in range(10)]
    starts = [c.window.t0_ns // MS for c in closed]
    assert starts == [0, 0, 0, 0, 0, 0, 500, 1000, 1500, 2000]


def test_a_slow_stream_is_waited_for_during_the_grace_and_no_longer() -> None:
    cut = windower()
    advance(cut, 1000, "audio")
    advance(cut, 400, "face")
    assert cut.poll(749 * MS) == []
    assert ends_ms(cut.poll(750 * MS)) == [500]


def test_an_idle_stream_is_not_waited_for_at_all() -> None:
    cut = windower()
    advance(cut, 1000, "face")
    for t_ms in range(100, 3001, 100):
        advance(cut, t_ms, "audio")
        for closed in cut.poll(t_ms * MS):
            t1_ms = closed.window.t1_ns // MS
            waited_ms = t_ms - t1_ms
            assert waited_ms == (0 if t1_ms <= 1000 or t1_ms > 1500 else 100)


def test_windows_go_on_when_nothing_ever_arrives() -> None:
    cut = windower()
    closed = [window for t_ms in range(0, 3001, 50) for window in cut.poll(t_ms * MS)]
    assert ends_ms(closed) == [500, 1000, 1500, 2000, 2500]
    for each in closed:
        assert each.window.coverage == {"audio": 0.0, "face": 0.0, "text": 0.0}
        assert not any(mask.any() for mask in each.window.mask.values())


def test_an_inactive_stream_is_not_waited_for_until_it_is_active_again() -> None:
    cut = windower()
    cut.set_active("face", False)
    advance(cut, 700, "audio")
    assert ends_ms(cut.poll(500 * MS)) == [500]
    cut.set_active("face", True)
    advance(cut, 1100, "audio")
    advance(cut, 900, "face")
    assert cut.poll(1000 * MS) == []


def test_without_any_active_stream_windows_close_after_the_grace() -> None:
    cut = windower()
    cut.set_active("audio", False)
    cut.set_active("face", False)
    advance(cut, 9000)
    assert cut.poll(749 * MS) == []
    assert ends_ms(cut.poll(750 * MS)) == [500]


def test_text_never_holds_a_window_open() -> None:
    cut = windower()
    cut.set_active("text", True)
    advance(cut, 500, "audio", "face")
    assert ends_ms(cut.poll(500 * MS)) == [500]


def test_neither_time_nor_a_watermark_goes_back() -> None:
    cut = windower()
    advance(cut, 500)
    advance(cut, 100)
    assert ends_ms(cut.poll(500 * MS)) == [500]
    assert cut.poll(100 * MS) == []
    assert ends_ms(cut.poll(1250 * MS)) == [1000]


def test_a_long_pause_closes_the_missed_windows_as_empty() -> None:
    cut = windower()
    feed(cut, stream("audio", 0, 500))
    assert ends_ms(cut.poll(60_000 * MS)) == list(range(500, 59_751, 500))
    assert_balanced(cut)


# --- content ---------------------------------------------------------------------------------


def test_tokens_are_the_means_of_the_frames_in_each_bin() -> None:
    cut = windower()
    feed(
        cut,
        [frame("audio", 0, 50, 1.0), frame("audio", 100, 50, 3.0), frame("audio", 500, 50, 7.0)],
    )
    advance(cut, 1000)
    first, second = cut.poll(1000 * MS)
    np.testing.assert_array_equal(first.window.values["audio"][10], [2.0, 2.0])
    np.testing.assert_array_equal(second.window.values["audio"][8], [2.0, 2.0])
    np.testing.assert_array_equal(second.window.values["audio"][10], [7.0, 7.0])
    assert second.window.mask["audio"].tolist() == [k in (8, 10) for k in range(12)]
    assert not second.window.values["audio"][9].any()
    assert second.window.values["face"].shape == (12, 3)


def test_sums_do_not_depend_on_the_order_of_arrival() -> None:
    tokens = []
    for order in ((0, 1, 2), (0, 2, 1), (2, 1, 0)):
        cut = windower()
        frames = [frame("audio", 0, 40, 1e30), frame("audio", 40, 40, 3.0)]
        frames.append(frame("audio", 80, 40, -1e30))
        feed(cut, [frames[k] for k in order])
        tokens.append(cut.finish(500 * MS)[0].window.values["audio"])
    np.testing.assert_array_equal(tokens[1], tokens[0])
    np.testing.assert_array_equal(tokens[2], tokens[0])


def test_coverage_is_a_share_of_the_bins_inside_the_session() -> None:
    cut = windower()
    feed(cut, [*stream("audio", 0, 4000), *stream("face", 500, 4000)])
    advance(cut, 4000)
    closed = cut.poll(4000 * MS)
    assert [c.window.coverage["audio"] for c in closed] == [1.0] * 8
    faces = [c.window.coverage["face"] for c in closed]
    np.testing.assert_allclose(faces, [0, 0.5, 2 / 3, 0.75, 0.8, 10 / 12, 1.0, 1.0])
    assert closed[-1].window.coverage["text"] == 0.0


def test_a_frame_leaves_after_the_length_of_a_window() -> None:
    cut = windower()
    feed(cut, [frame("face", 300)])
    advance(cut, 5000)
    held = [c.window.t1_ns // MS for c in cut.poll(5000 * MS) if c.window.mask["face"].any()]
    assert held == [500, 1000, 1500, 2000, 2500, 3000]


def test_nothing_before_the_session_start_is_measured() -> None:
    cut = windower()
    assert cut.add(frame("audio", -600, 400)) == "before_start"
    assert cut.add(frame("audio", -600, 800)) == "held"
    advance(cut, 500)
    (closed,) = cut.poll(500 * MS)
    assert closed.window.mask["audio"].tolist() == [k == 10 for k in range(12)]
    assert not closed.window.values["audio"][:10].any()
    assert closed.window.coverage["audio"] == 0.5


# --- refusals --------------------------------------------------------------------------------


def test_a_repeated_frame_counts_once() -> None:
    cut = windower()
    assert feed(cut, [frame("audio", 0), frame("audio", 0), frame("face", 0)]) == [
        "held",
        "duplicate",
        "held",
    ]
    counts = cut.statistics()["audio"]
    assert (counts.offered, counts.used, counts.pending) == (2, 0, 1)
    assert counts.dropped == {"duplicate": 1}
    cut.poll(750 * MS)
    assert cut.statistics()["audio"].used == 1


def test_a_repeat_of_a_used_frame_revises_nothing() -> None:
    cut = windower()
    cut.add(frame("text", 100))
    cut.poll(750 * MS)
    assert cut.add(frame("text", 100)) == "duplicate"
    assert cut.poll(800 * MS) == []


def test_worthless_and_broken_frames_are_counted_and_left_out() -> None:
    cut = windower()
    assert cut.add(replace(frame("face", 0), quality=0.0)) == "masked"
    assert cut.add(frame("audio", 0, value=float("nan"))) == "nonfinite"
    (closed,) = cut.poll(750 * MS)
    assert closed.window.coverage == {"audio": 0.0, "face": 0.0, "text": 0.0}
    assert np.isfinite(closed.window.values["audio"]).all()


def test_a_frame_from_far_ahead_is_not_kept() -> None:
    cut = windower(WindowConfig(ahead_ns=10_000 * MS))
    assert cut.add(frame("audio", 10_500)) == "held"
    assert cut.add(frame("audio", 10_501)) == "early"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (replace(frame("audio", 0), participant="p2"), "a frame of 'p2', not of 'p1'"),
        (
            replace(frame("audio", 0), values=np.zeros(5, dtype=np.float32)),
            r"a audio frame has shape \(5,\), not \(2,\)",
        ),
    ],
)
def test_a_frame_from_elsewhere_is_an_error(wrong: FeatureFrame, message: str) -> None:
    cut = windower()
    with pytest.raises(ValueError, match=message):
        cut.add(wrong)
    assert cut.statistics()["audio"].offered == 0


def test_a_modality_that_no_window_has_is_an_error() -> None:
    cut = Windower("p1", WindowConfig(), {"audio": 2})
    with pytest.raises(ValueError, match="modality 'face' is not one of audio"):
        cut.advance("face", 0)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="hop_ns 300000000 is not a positive multiple"):
        WindowConfig(hop_ns=300 * MS)
    with pytest.raises(ValueError, match="grace_ns is negative: -1"):
        WindowConfig(grace_ns=-1)
