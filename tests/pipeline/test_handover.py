"""Nothing is lost without a reason: a machine of rules drives everything that data change hands at.

Rules offer, take, drop, kill and end in any order; after each, every hand-over must balance.
"""

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tacit.models.features import FeatureFrame, Modality
from tacit.pipeline.handover import OVER, Handover, HandoverBook, total
from tacit.pipeline.live.pool import StageDown
from tacit.pipeline.server.viewers import Line, Viewer
from tacit.pipeline.supervisor import Death
from tacit.pipeline.window import WindowConfig, Windower
from tacit.stream.channel import Channel
from tacit.stream.errors import ChannelClosed
from tacit.stream.packet import NS_PER_MS, NS_PER_S
from tests.fakes.live import DIMS, STEP_NS, VirtualLive


class LiveBooks(RuleBasedStateMachine):
    """Live sessions with sources, stages, windows and results, in virtual time."""

    @initialize(delay_ms=st.sampled_from([0, 10, 400]))
    def begin(self, delay_ms: int) -> None:
        self.live = VirtualLive(delay_ms * NS_PER_MS)
        self.opened = 0
        self.before: dict[tuple[str, str], int] = {}

    @rule()
    def open_a_session(self) -> None:
        if len(self.live.loop.seats) < 3:
            self.opened += 1
            self.live.open(f"s{self.opened}")

    @rule(steps=st.integers(1, 60), lag_ms=st.sampled_from([0, 0, 900]))
    def run(self, steps: int, lag_ms: int) -> None:
        self.live.run(steps * STEP_NS / NS_PER_S, lag_ns=lag_ms * NS_PER_MS)

    @rule(pictures=st.integers(1, 20))
    def flood(self, pictures: int) -> None:
        for seat in self.live.loop.seats.values():
            for k in range(pictures):
                t_ns = seat.handle.now_ns() + k
                seat.handle.picture(np.zeros((8, 8, 3), np.uint8), t_ns, 33 * NS_PER_MS)

    @rule(modality=st.sampled_from(["audio", "face"]))
    def toggle_a_stage(self, modality: Modality) -> None:
        self.live.pool.down ^= {modality}

    @rule(modality=st.sampled_from(["audio", "face"]))
    def kill_a_stage(self, modality: Modality) -> None:
        self.live.pool.incidents.append(StageDown(modality, "killed", False))

    @rule(mute=st.booleans())
    def trouble_the_reader(self, mute: bool) -> None:
        self.live.reader.mute = mute
        self.live.reader.dead.append(Death("recognizer", "killed", False))

    @rule(modality=st.sampled_from(["audio", "face"]))
    def damage(self, modality: Modality) -> None:
        for seat in self.live.loop.seats.values():
            seat.session.damage.inject(modality, "drop", seat.session.now_ns, seconds=0.2)

    @rule(modality=st.sampled_from(["audio", "face"]))
    def end_a_stream(self, modality: Modality) -> None:
        for seat in list(self.live.loop.seats.values())[:1]:
            seat.handle.stream_ended(modality)

    @rule()
    def end_a_session(self) -> None:
        for seat in list(self.live.loop.seats.values())[:1]:
            seat.handle.end("end")

    @invariant()
    def everything_is_accounted_for(self) -> None:
        if not hasattr(self, "live"):
            return
        rows = self.live.loop.count()
        assert [row for row in rows if not row.balanced] == []
        assert all(row.used >= 0 and row.in_flight >= 0 for row in rows)
        offered = {(row.place, row.stream): row.offered for row in rows}
        assert all(offered[key] >= count for key, count in self.before.items())
        self.before = offered

    def teardown(self) -> None:
        if hasattr(self, "live"):
            self.live.loop.close("end", self.live.clock.now_ns())
            rows = self.live.loop.count()
            assert all(row.balanced and row.in_flight == 0 for row in rows)


class SmallBooks(RuleBasedStateMachine):
    """A channel, a windower and a viewer on their own, where odd orders are easier to reach."""

    @initialize(policy=st.sampled_from(["drop_oldest", "drop_newest", "latest", "block"]))
    def begin(self, policy: str) -> None:
        self.channel: Channel[int] = Channel(3, policy)  # type: ignore[arg-type]
        self.windower = Windower("p1", WindowConfig(), DIMS)
        self.viewer = Viewer(None)
        self.now_ns = 0

    @rule(item=st.integers())
    def offer(self, item: int) -> None:
        try:
            self.channel.offer(item, 0.0)
        except ChannelClosed:
            return

    @rule()
    def take(self) -> None:
        try:
            self.channel.take(0.0)
        except (TimeoutError, ChannelClosed):
            return

    @rule(discard=st.booleans())
    def close(self, discard: bool) -> None:
        self.channel.close(discard=discard)

    @rule(
        modality=st.sampled_from(["audio", "face", "text"]),
        back_ms=st.integers(-2000, 5000),
        duration_ms=st.sampled_from([0, 40, 700]),
        quality=st.sampled_from([0.0, 1.0]),
        value=st.sampled_from([1.0, float("nan")]),
    )
    def add_a_frame(
        self, modality: Modality, back_ms: int, duration_ms: int, quality: float, value: float
    ) -> None:
        values = np.full(DIMS[modality], value, np.float32)
        t_ns = self.now_ns - back_ms * NS_PER_MS
        duration_ns = duration_ms * NS_PER_MS
        self.windower.add(FeatureFrame(modality, "p1", t_ns, duration_ns, values, quality))

    @rule(ms=st.integers(0, 2000))
    def let_time_pass(self, ms: int) -> None:
        self.now_ns += ms * NS_PER_MS
        self.windower.poll(self.now_ns)

    @rule(from_ms=st.integers(0, 4000))
    def mask(self, from_ms: int) -> None:
        self.windower.mask("face", self.now_ns - from_ms * NS_PER_MS, self.now_ns)

    @rule(count=st.sampled_from([1, 5, 300]), kind=st.sampled_from(["view", "result", "fact"]))
    def tell_a_viewer(self, count: int, kind: str) -> None:
        for _ in range(count):
            self.viewer.offer(Line("s", "{}", kind, 0))  # type: ignore[arg-type]

    @invariant()
    def everything_is_accounted_for(self) -> None:
        if not hasattr(self, "channel"):
            return
        counted = self.channel.statistics()
        assert counted.offered == counted.used + sum(counted.dropped.values()) + counted.in_flight
        for frames in self.windower.statistics().values():
            lost = sum(frames.dropped.values())
            assert frames.offered == frames.used + lost + frames.pending
        assert self.viewer.handover.balanced


QUICK = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestLiveBooks = LiveBooks.TestCase
TestLiveBooks.settings = QUICK
TestSmallBooks = SmallBooks.TestCase
TestSmallBooks.settings = settings(QUICK, max_examples=60)


def test_a_row_that_lost_something_does_not_balance() -> None:
    assert Handover("stage", "face", 5, 2, {"stage_busy": 2}, 1).balanced
    assert not Handover("stage", "face", 5, 2, {"stage_busy": 2}, 0).balanced


def test_what_was_under_way_at_the_end_is_dropped_with_its_reason() -> None:
    row = Handover("stage", "face", 5, 2, {"stage_busy": 2}, 1).over()
    assert row.balanced
    assert row.dropped == {"stage_busy": 2, OVER: 1}
    assert row.in_flight == 0


def test_ended_sessions_stay_in_the_books() -> None:
    book = HandoverBook()
    book.close([Handover("source", "audio", 3, 1, {}, 2)])
    rows = book.rows([Handover("source", "audio", 4, 4, {}), Handover("source", "face", 1, 1, {})])
    assert rows == [
        Handover("source", "audio", 7, 5, {OVER: 2}),
        Handover("source", "face", 1, 1, {}),
    ]
    assert total([]) == []
