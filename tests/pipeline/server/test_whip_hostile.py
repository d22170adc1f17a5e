"""Five hundred damaged offers through the whole HTTP path, on a server whose models are not loaded.

What can be understood gets as far as asking for a session, which is refused there; so nothing of an
offer may be left behind, whatever its fate.
"""

import asyncio
import random

import pytest

from tests.fakes.peers import Caller, loopback, mutated, until
from tests.fakes.served import TERMS, idle, serving

__all__ = ["loopback"]

pytestmark = [
    pytest.mark.process,
    pytest.mark.fuzz,
    pytest.mark.slow,
    pytest.mark.usefixtures("loopback"),
    pytest.mark.timeout(400),
]
OFFERS = 500
SDP = {"Content-Type": "application/sdp"}


def test_damaged_offers_give_400_and_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    # Otherwise most of those that can be understood are refused for coming too fast.
    monkeypatch.setattr("tacit.pipeline.server.desk.MAX_STARTS_PER_MINUTE", 10 * OFFERS)

    async def run() -> dict[int, int]:
        caller = Caller(None)
        caller.pc.addTransceiver("audio")
        caller.pc.addTransceiver("video")
        offer = await caller.offer()
        await caller.close()
        rng = random.Random(23)
        counts: dict[int, int] = {}
        async with serving(idle()) as client:
            await client.call("GET", "/health")
            await asyncio.sleep(0.1)
            before = len(asyncio.all_tasks())
            for _ in range(OFFERS):
                body = mutated(offer, rng)
                status, _ = await client.call("POST", "/whip", data=body, headers=SDP, params=TERMS)
                counts[status] = counts.get(status, 0) + 1
            await until(lambda: len(asyncio.all_tasks()) <= before, 30)
            assert client.desk.book.all == []
        return counts

    counts = asyncio.run(run())
    # 503: it could be understood, and the models are not there to read its media.
    assert set(counts) <= {400, 413, 503}
    assert counts[400] > OFFERS // 5
    assert counts[503] > 0
