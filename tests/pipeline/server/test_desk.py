"""Rules of the desk without models."""

import asyncio

import pytest

from tacit.pipeline.consent import Terms
from tacit.pipeline.live.engine import Opening
from tacit.pipeline.server import desk as desk_module
from tacit.pipeline.server.book import Served
from tacit.pipeline.server.errors import ApiError
from tacit.stream.clock import ManualClock
from tacit.stream.limits import MAX_STARTS_PER_MINUTE, PEER_GONE_NS
from tacit.stream.packet import NS_PER_S
from tests.fakes.live import VirtualHandle
from tests.fakes.peers import until
from tests.fakes.served import idle, serving

TERMS = Terms("p1", "demo", "c1")


def test_a_source_that_says_nothing_for_ten_seconds_is_freed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desk_module, "CARE_S", 0.01)

    async def run() -> None:
        async with serving(idle()) as client:
            clock = ManualClock(0)
            served = Served(TERMS, "webrtc", VirtualHandle("s1", clock))
            client.desk.book.add(served)
            clock.set(PEER_GONE_NS - NS_PER_S)
            await asyncio.sleep(0.1)
            assert served.handle.ending is None
            clock.set(PEER_GONE_NS + NS_PER_S)
            await until(lambda: served.handle.ending == "end", 10)

    asyncio.run(run())


def test_a_thousand_starts_a_minute_are_not_taken() -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            codes = []
            for _ in range(MAX_STARTS_PER_MINUTE + 5):
                with pytest.raises(ApiError) as refused:
                    await client.desk.open(TERMS, Opening(), {})
                codes.append(refused.value.code)
            assert codes[:MAX_STARTS_PER_MINUTE] == ["starting"] * MAX_STARTS_PER_MINUTE
            assert codes[-5:] == ["too_many_requests"] * 5

    asyncio.run(run())


def test_there_is_room_for_so_many_sessions() -> None:
    async def run() -> None:
        async with serving(idle(), sessions=1) as client:
            client.desk.check_room()
            served = Served(TERMS, "webrtc", VirtualHandle("s1", ManualClock(0)))
            client.desk.book.add(served)
            with pytest.raises(ApiError) as refused:
                client.desk.check_room()
            assert refused.value.retry_s
            served.state = "ended"
            client.desk.check_room()

    asyncio.run(run())
