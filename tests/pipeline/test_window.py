from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.models.features import (
    FeatureFrame,
    FeatureWindow,
    Modality,
    TokenGrid,
    pool_frames,
)
from tacit.pipeline.window import (
    ClosedWindow,
    WindowConfig,
    Windower,
    bin_range,
)

MS = 1_000_000
GRID = TokenGrid()
DIMS: dict[Modality, int] = {"audio": 2, "face": 3, "text": 4}


def frame(modality: Modality, t_ms: int, span_ms: int = 40, value: float = 1.0) -> FeatureFrame:
    values = np.full(DIMS[modality], value, dtype=np.float32)
    return FeatureFrame(modality, "p1", t_ms * MS, span_ms * MS, values)


def stream(
    modality: Modality, start_ms: int, end_ms: int, step_ms: int = 100
) -> list[FeatureFrame]:
    return [frame(modality, t, step_ms, value=t / 1000) for t in range(start_ms, end_ms, step_ms)]


def windower(config: WindowConfig | None = None) -> Windower:
    return Windower("p1", config or WindowConfig(), DIMS)


def feed(into: Windower, frames: Iterable[FeatureFrame]) -> list[str]:
    return [into.add(each) for each in frames]


def advance(into: Windower, t_ms: int, *modalities: Modality) -> None:
    for modality in modalities or ("audio", "face"):
        into.advance(modality, t_ms * MS)


def ends_ms(windows: Sequence[ClosedWindow]) -> list[int]:
    return [closed.window.t1_ns // MS for closed in windows]


def revisions(windows: Sequence[ClosedWindow]) -> list[tuple[int, int]]:
    return [(closed.index, closed.revision) for closed in windows]


def assert_same(one: FeatureWindow, two: FeatureWindow) -> None:
    assert (one.t0_ns, one.t1_ns, one.coverage) == (two.t0_ns, two.t1_ns, two.coverage)
    for modality in DIMS:
        np.testing.assert_array_equal(one.mask[modality], two.mask[modality])
        np.testing.assert_array_equal(one.values[modality], two.values[modality])


def assert_balanced(of: Windower) -> None:
    for counts in of.statistics().values():
        assert counts.offered == counts.used + sum(counts.dropped.values()) + counts.pending


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


@given(
    t_ns=st.integers(-4 * 10**9, 8 * 10**9),
    span_ns=st.integers(0, 5 * 10**9),
    end=st.integers(1, 30),
)
def test_bins_are_those_of_pooling(t_ns: int, span_ns: int, end: int) -> None:
    one = FeatureFrame("audio", "p1", t_ns, span_ns, np.ones(2, dtype=np.float32))
    _, mask = pool_frames([one], end * GRID.bin_ns, 2, GRID)
    low, high = bin_range(t_ns, span_ns, GRID.bin_ns)
    assert mask.tolist() == [low <= end - GRID.bins + k <= high for k in range(GRID.bins)]


# --- late data -------------------------------------------------------------------------------


def test_late_text_revises_the_windows_that_it_belongs_to_once_per_poll() -> None:
    cut = windower()
    advance(cut, 2000)
    assert len(cut.poll(2000 * MS)) == 4
    assert feed(cut, [frame("text", 1100, 300), frame("text", 1500, 200)]) == ["held", "held"]
    revised = cut.poll(2000 * MS)
    assert revisions(revised) == [(2, 1), (3, 1)]
    assert revised[0].window.mask["text"].nonzero()[0].tolist() == [10, 11]
    assert cut.poll(2100 * MS) == []
    cut.add(frame("text", 600, 100))
    advance(cut, 2500)
    assert revisions(cut.poll(2500 * MS)) == [(1, 1), (2, 2), (3, 2), (4, 0)]
    assert_balanced(cut)


@pytest.mark.parametrize(("modality", "grace_ms"), [("audio", 250), ("face", 250), ("text", 2000)])
def test_lateness_has_a_bound(modality: Modality, grace_ms: int) -> None:
    now_ms = 5000
    for beyond_ms, admission in ((0, "held"), (1, "late")):
        cut = windower()
        cut.poll(now_ms * MS)
        advance(cut, now_ms)
        cut.poll(now_ms * MS)
        assert cut.add(frame(modality, now_ms - grace_ms - beyond_ms - 40, 40)) == admission
        assert bool(cut.poll(now_ms * MS)) == (admission == "held")
        assert_balanced(cut)


def test_a_frame_from_long_ago_is_late() -> None:
    cut = windower()
    cut.poll(60_000 * MS)
    assert cut.add(frame("text", 100)) == "late"
    assert cut.add(frame("audio", 100)) == "late"
    assert cut.poll(60_000 * MS) == []
    assert cut.statistics()["text"].dropped == {"late": 1}


def test_a_frame_of_an_open_window_is_never_late() -> None:
    cut = windower(WindowConfig(grace_ns=0, hop_ns=1000 * MS))
    cut.poll(900 * MS)
    assert cut.add(frame("audio", 100)) == "held"
    (closed,) = cut.poll(1000 * MS)
    assert closed.window.mask["audio"].any()


def reference(frames: Sequence[FeatureFrame], count: int) -> list[FeatureWindow]:
    """The windows that a reader of the whole, orderly session would make."""
    cut = windower()
    feed(cut, sorted(frames, key=lambda f: (f.t_ns, f.modality)))
    return [closed.window for closed in cut.finish(count * 500 * MS)]


@st.composite
def sessions(draw: st.DrawFn) -> list[tuple[int, FeatureFrame]]:
    """Frames with their times of arrival in ms, each within its grace and some twice."""
    arrivals = []
    times = st.lists(st.integers(0, 55), max_size=25, unique=True)
    for modality, spans, grace_ms in (
        ("audio", (40, 100), 250),
        ("face", (33, 100), 250),
        ("text", (200, 3000), 2000),
    ):
        for tick in draw(times):
            t_ms, span_ms = tick * 100, draw(st.integers(*spans))
            value = draw(st.floats(-5, 5, width=32))
            one = frame(modality, t_ms, span_ms, value)  # type: ignore[arg-type]
            delays_ms = draw(st.lists(st.integers(0, grace_ms), min_size=1, max_size=2))
            arrivals.extend((t_ms + span_ms + delay_ms, one) for delay_ms in delays_ms)
    return draw(st.permutations(arrivals))


@settings(max_examples=40, deadline=None)
@given(
    arrivals=sessions(),
    lag_ms=st.integers(0, 400),
    step_ms=st.sampled_from([50, 70, 500]),
)
def test_any_order_within_the_grace_gives_the_same_windows(
    arrivals: list[tuple[int, FeatureFrame]], lag_ms: int, step_ms: int
) -> None:
    cut = windower()
    final: dict[int, ClosedWindow] = {}
    done = 0
    # A stable sort keeps the drawn order among frames that arrive within one step.
    queue = sorted(arrivals, key=lambda arrival: arrival[0] // step_ms)
    for now_ms in range(step_ms, 12_001, step_ms):
        while done < len(queue) and queue[done][0] < now_ms:
            assert cut.add(queue[done][1]) in ("held", "duplicate")
            done += 1
        advance(cut, now_ms - lag_ms)
        for closed in cut.poll(now_ms * MS):
            previous = final.get(closed.index)
            assert closed.revision == (0 if previous is None else previous.revision + 1)
            final[closed.index] = closed
        assert_balanced(cut)
    expected = reference([one for _, one in arrivals], len(final))
    assert len(final) >= 23
    for index, window in enumerate(expected):
        assert_same(final[index].window, window)
    twice = len(arrivals) - len({id(one) for _, one in arrivals})
    assert sum(s.dropped.get("duplicate", 0) for s in cut.statistics().values()) == twice


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["audio", "face", "text"]),
            st.integers(-1000, 9000),
            st.integers(0, 4000),
            st.sampled_from(["add", "add", "add", "advance", "mask", "poll", "finish"]),
        ),
        max_size=60,
    )
)
def test_every_frame_is_accounted_for_whatever_happens(
    steps: list[tuple[Modality, int, int, str]],
) -> None:
    cut = windower()
    held = offered = 0
    newest: dict[int, int] = {}
    for modality, t_ms, span_ms, action in steps:
        given: list[ClosedWindow] = []
        if action == "add":
            held += cut.add(frame(modality, t_ms, span_ms)) == "held"
            offered += 1
        elif action == "advance":
            cut.advance(modality, t_ms * MS)
        elif action == "mask":
            cut.mask(modality, t_ms * MS, (t_ms + span_ms) * MS)
        elif action == "poll":
            given = cut.poll(t_ms * MS)
        else:
            given = cut.finish(t_ms * MS)
        for closed in given:
            assert closed.revision == newest.get(closed.index, -1) + 1
            newest[closed.index] = closed.revision
        assert_balanced(cut)
        assert sum(s.offered for s in cut.statistics().values()) == offered
    assert sorted(newest) == list(range(len(newest)))
    cut.finish(9000 * MS)
    assert_balanced(cut)
    assert all(counts.pending == 0 for counts in cut.statistics().values())


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


# --- quarantine ------------------------------------------------------------------------------


def test_a_mask_takes_back_frames_of_open_windows_only() -> None:
    cut = windower()
    feed(cut, [*stream("face", 0, 1000), *stream("audio", 0, 1000)])
    advance(cut, 500)
    (before,) = cut.poll(500 * MS)
    cut.mask("face", 250 * MS, 800 * MS)
    assert cut.poll(600 * MS) == []
    assert before.window.coverage["face"] == 1.0
    advance(cut, 1000)
    (after,) = cut.poll(1000 * MS)
    assert after.window.mask["face"][8:].tolist() == [True, False, False, True]
    assert after.window.coverage["audio"] == 1.0
    assert cut.statistics()["face"].dropped == {"masked": 3}
    assert_balanced(cut)


def test_a_mask_holds_for_frames_that_are_still_to_come() -> None:
    cut = windower()
    cut.mask("face", 0, 400 * MS)
    assert feed(cut, [frame("face", 399), frame("face", 400), frame("audio", 100)]) == [
        "masked",
        "held",
        "held",
    ]
    assert cut.add(frame("face", 0, 0)) == "masked"


def test_a_revised_window_is_without_the_masked_frames() -> None:
    cut = windower()
    feed(cut, stream("face", 0, 500))
    advance(cut, 500)
    cut.poll(500 * MS)
    cut.mask("face", 0, 500 * MS)
    cut.add(frame("text", 100, 200))
    (revised,) = cut.poll(600 * MS)
    assert revised.revision == 1
    assert revised.window.coverage == {"audio": 0.0, "face": 0.0, "text": 0.5}
    assert_balanced(cut)


# --- end and memory --------------------------------------------------------------------------


@pytest.mark.parametrize(("end_ms", "count"), [(1000, 2), (1374, 2), (1375, 3), (1500, 3), (0, 0)])
def test_the_end_gives_all_windows_up_to_half_a_bin_beyond(end_ms: int, count: int) -> None:
    cut = windower()
    feed(cut, stream("audio", 0, end_ms))
    assert ends_ms(cut.finish(end_ms * MS)) == [500 * (k + 1) for k in range(count)]
    assert_balanced(cut)


def test_the_end_gives_waiting_revisions_and_is_final() -> None:
    cut = windower()
    cut.poll(1250 * MS)
    cut.add(frame("text", 800, 100))
    cut.add(frame("audio", 1900))
    assert revisions(cut.finish(1500 * MS)) == [(1, 1), (2, 0)]
    assert cut.statistics()["audio"].dropped == {"after_end": 1}
    assert cut.add(frame("audio", 1000)) == "after_end"
    assert cut.finish(9000 * MS) == []
    assert cut.poll(9000 * MS) == []
    assert_balanced(cut)


def test_memory_is_bounded_over_a_long_session() -> None:
    cut = windower()
    most = 0
    for start_ms in range(0, 120_000, 500):
        cut.mask("face", start_ms * MS, (start_ms + 100) * MS)
        feed(
            cut,
            [*stream("audio", start_ms, start_ms + 500), *stream("face", start_ms, start_ms + 500)],
        )
        advance(cut, start_ms + 500)
        cut.poll((start_ms + 500) * MS)
        tracks = cut._tracks.values()
        most = max(most, sum(len(t._held) + len(t._stretches) for t in tracks))
    assert most <= 2 * 90 + 25
    assert len(cut._revisions) <= 11
    assert_balanced(cut)
