"""A real second peer on loopback: media and messages both ways, damaged offers, loss."""

import asyncio
import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aioice.ice
import pytest
from aioice.ice import Connection, StunProtocol
from aioice.stun import TransactionTimeout

from tacit.stream.limits import MAX_OFFER_BYTES
from tacit.stream.packet import NS_PER_MS, NS_PER_S
from tacit.stream.webrtc import (
    OfferError,
    Peer,
    check_offer,
    include_loopback,
    stay_with_slow_peers,
)
from tests.fakes.peers import Caller, CollectingSink, loopback, mutated, until

__all__ = ["loopback"]

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("loopback")]

OFFER = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\nm=video 9 UDP/TLS/RTP/SAVPF 97\r\n"


@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        ("", "does not begin with v=0"),
        ("hello", "does not begin with v=0"),
        ("{}", "does not begin with v=0"),
        ("v=0\r\n", "0 media sections"),
        ("v=0\r\n" + "m=audio 9 X 0\r\n" * 5, "5 media sections"),
        ("v=0\r\nm=application 9 X 0\r\n", "neither sound nor pictures"),
        (OFFER + "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n" * 65, "more than 64 candidates"),
        (OFFER + "a=x\r\n" * MAX_OFFER_BYTES, "larger than"),
    ],
)
def test_what_is_no_offer_is_refused_before_it_is_parsed(offer: str, reason: str) -> None:
    with pytest.raises(OfferError, match=reason):
        check_offer(offer)


def test_an_offer_says_what_it_sends() -> None:
    offered = check_offer(OFFER)
    assert (offered.audio, offered.video) == (True, True)
    assert not check_offer(OFFER.replace("m=video", "m=application")).video


def test_damaged_offers_are_refused_and_leave_no_task_behind() -> None:
    async def run() -> tuple[int, int]:
        caller = Caller(None)
        caller.pc.addTransceiver("audio")
        caller.pc.addTransceiver("video")
        offer = await caller.offer()
        await caller.close()
        await asyncio.sleep(0)
        before = asyncio.all_tasks()
        rng = random.Random(5)
        accepted = refused = 0
        for _ in range(300):
            peer = Peer()
            try:
                await peer.answer(mutated(offer, rng))
                accepted += 1
            except OfferError:
                refused += 1
            await peer.close()
            await asyncio.sleep(0)
        await until(lambda: asyncio.all_tasks() <= before, 10)
        return accepted, refused

    accepted, refused = asyncio.run(run())
    assert accepted > 0
    assert refused > 50


async def _connected(caller: Caller, sink: CollectingSink) -> Peer:
    peer = Peer()
    answer = await peer.answer(await caller.offer())
    peer.attach(sink)
    await caller.accept(answer)
    await asyncio.wait_for(sink.is_connected.wait(), 40)
    return peer


def test_sound_pictures_and_messages_come_through(sample: Path) -> None:
    async def run() -> None:
        sink = CollectingSink()
        caller = Caller(sample)
        peer = await _connected(caller, sink)
        await until(lambda: len(sink.sounds) >= 60 and len(sink.pictures) >= 20)
        await until(sink.opened.is_set)
        assert peer.send('{"a":1}')
        assert await asyncio.wait_for(caller.messages.get(), 10) == '{"a":1}'
        caller.channel.send("stop")
        await until(lambda: sink.texts == ["stop"])
        starts = [t_ns for t_ns, _ in sink.sounds]
        assert starts == sorted(starts)
        assert {size for _, size in sink.sounds[2:40]} <= set(range(1, 321))
        times = [t_ns for t_ns, _ in sink.pictures]
        assert all(b > a for a, b in itertools.pairwise(times))
        # A peer that closes is noticed at once, not when its silence has lasted long enough.
        await caller.close()
        await until(sink.left.is_set, 20)
        await peer.close()
        assert "face" in sink.ended

    asyncio.run(run())


def test_an_offer_of_sound_alone_is_answered(sample: Path) -> None:
    async def run() -> None:
        sink = CollectingSink()
        caller = Caller(sample, ("audio",))
        peer = await _connected(caller, sink)
        await until(lambda: len(sink.sounds) >= 20)
        assert sink.pictures == []
        await caller.close()
        await peer.close()

    asyncio.run(run())


def lossy(loss: float, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[int, int]]:
    """Lose packets of sound on their way, as a bad network does; gives how many of how many."""
    rng = random.Random(11)
    send = Connection.sendto
    counts = [0, 0]

    async def sendto(self: Connection, data: bytes, component: int) -> Any:
        # RTP of the sound: its payload type is 96 with aiortc; the rest is let through, as what is
        # lost of it comes again.
        if len(data) > 12 and data[0] >> 6 == 2 and data[1] & 0x7F == 96:
            counts[1] += 1
            if counts[1] > 20 and rng.random() < loss:
                counts[0] += 1
                return None
        return await send(self, data, component)

    monkeypatch.setattr(Connection, "sendto", sendto)
    return lambda: (counts[0], counts[1])


@pytest.mark.parametrize(("loss", "kept"), [(0.05, 0.94), (0.20, 0.78)])
def test_losing_packets_loses_no_more_than_those(
    sample: Path, monkeypatch: pytest.MonkeyPatch, loss: float, kept: float
) -> None:
    counted = lossy(loss, monkeypatch)

    async def run() -> None:
        sink = CollectingSink()
        caller = Caller(sample, ("audio",))
        peer = await _connected(caller, sink)
        await until(lambda: counted()[1] >= 400, 50)
        assert peer.sound is not None
        statistics = peer.sound.statistics()
        lost, sent = counted()
        assert lost >= loss * 0.5 * sent
        # The seed decides which are lost; nothing but those may be missing.
        assert statistics.skipped <= lost
        share = statistics.released / (statistics.released + statistics.skipped)
        assert share >= kept
        heard_ns = sum(size for _, size in sink.sounds) * NS_PER_S // 16_000
        # A machine that stalls shifts sound by a block now and then; loss itself costs no more.
        assert heard_ns >= (share - 0.12) * sent * 20 * NS_PER_MS
        await caller.close()
        await peer.close()

    asyncio.run(run())


def test_a_peer_that_answers_late_stays(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.05)
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", aioice.ice.CONSENT_FAILURES)
    answer = StunProtocol.request
    asked = 0

    async def late(self: StunProtocol, request: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal asked
        if options.get("retransmissions") == 0:
            asked += 1
            raise TransactionTimeout
        return await answer(self, request, *arguments, **options)

    async def run() -> bool:
        sink, caller = CollectingSink(), Caller(sample, ("audio",))
        peer = await _connected(caller, sink)
        await until(lambda: asked > 30 or sink.left.is_set())
        left = sink.left.is_set()
        await caller.close()
        await peer.close()
        return left

    monkeypatch.setattr(StunProtocol, "request", late)
    stay_with_slow_peers()
    assert not asyncio.run(run())


def test_a_machine_without_a_network_reaches_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: [])
    include_loopback()
    include_loopback()
    assert aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=True) == ["127.0.0.1"]
    assert aioice.ice.get_host_addresses(use_ipv4=False, use_ipv6=True) == []
