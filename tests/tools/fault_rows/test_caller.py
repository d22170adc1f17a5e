import asyncio
import random

import pytest

from tools.fault_rows.caller import Caller, ClipTrack, mutated
from tools.fault_rows.clip import sample_path

pytestmark = [pytest.mark.process, pytest.mark.timeout(60)]


def test_a_clip_is_sent_at_its_pace_with_times_that_rise() -> None:
    async def run() -> None:
        track = ClipTrack(sample_path(), "audio")
        frames = [await track.recv() for _ in range(10)]
        times = [float(frame.pts * frame.time_base) for frame in frames]
        assert times == sorted(times)
        assert len(set(times)) == 10
        track.stop()

    asyncio.run(run())


def test_an_offer_holds_what_is_sent_and_mutations_differ() -> None:
    async def run() -> str:
        caller = Caller(sample_path(), ("audio",))
        offer = await caller.offer()
        await caller.close()
        return offer

    offer = asyncio.run(run())
    assert "m=audio" in offer
    assert "m=video" not in offer
    rng = random.Random(1)
    made = {mutated(offer, rng) for _ in range(50)}
    assert len(made) > 45
    assert offer not in made
