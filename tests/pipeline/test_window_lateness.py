from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.models.features import FeatureFrame, FeatureWindow, Modality
from tacit.pipeline.window import ClosedWindow, WindowConfig
from tests.fakes.windows import (
    MS,
    advance,
    assert_balanced,
    assert_same,
    ends_ms,
    feed,
    frame,
    revisions,
    stream,
    windower,
)

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


def test_late_text_revises_no_window_that_has_moved_on() -> None:
    cut = windower(WindowConfig(text_grace_ns=5000 * MS))
    advance(cut, 4000)
    assert len(cut.poll(4000 * MS)) == 8
    cut.add(frame("text", 100))
    assert revisions(cut.poll(4000 * MS)) == [(k, 1) for k in range(6)]


def test_age_counts_from_the_latest_time_ever_told() -> None:
    cut = windower()
    assert ends_ms(cut.poll(4740 * MS))[-1] == 4000
    cut.poll(100 * MS)
    assert cut.add(frame("audio", 3900)) == "late"


def test_a_window_closed_by_watermarks_moves_time_on() -> None:
    cut = windower()
    advance(cut, 5000)
    assert ends_ms(cut.poll(0))[-1] == 5000
    assert cut.add(frame("audio", 1000)) == "late"


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
    arrivals: list[tuple[int, FeatureFrame]] = []
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
