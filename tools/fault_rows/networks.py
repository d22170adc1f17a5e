"""Row 29: networks that lose, delay and swap packets of sound."""

import asyncio
import heapq
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from aioice.ice import Connection

from tacit.pipeline.faults.outcome import Outcome
from tacit.stream.packet import NS_PER_S
from tacit.stream.reorder import Reorder
from tacit.stream.webrtc import Peer, include_loopback
from tools.fault_rows.caller import Caller
from tools.fault_rows.clip import sample_path
from tools.fault_rows.registry import Setting, fault

PACKETS: Final = 20_000
PACKET_MS: Final = 20.0
SOUND: Final = 96
"""RTP payload type that aiortc gives to sound."""


@fault(29, "packets-lost-in-theory", "U")
def packets_lost_in_theory(_setting: Setting) -> Outcome:
    """The reorder buffer alone under loss, bursts, jitter of 50 ms and swapped packets."""
    outcome = Outcome()
    for name, loss, burst, jitter_ms, kept, lag_ms in (
        ("5 % loss", 0.05, 1, 0, 0.94, 100),
        ("20 % loss", 0.20, 1, 0, 0.78, 160),
        ("5 % loss in bursts of 5", 0.05, 5, 0, 0.94, 100),
        ("jitter of 50 ms and 2 % swapped", 0.0, 1, 50, 0.97, 160),
    ):
        share, lag = _through(loss, burst, jitter_ms)
        found = f"{100 * share:.1f} % kept, {lag:.0f} ms late at most (p99)"
        outcome.check(f"{name}: enough is kept, soon", share >= kept and lag <= lag_ms, found)
    return outcome


def _through(loss: float, burst: int, jitter_ms: float) -> tuple[float, float]:
    """Share of packets sent that come out, and the 99th percentile of how late they do."""
    rng, buffer = random.Random(29), Reorder[float]()
    arrivals: list[tuple[float, int, float]] = []
    losing = 0
    for number in range(PACKETS):
        sent_ms = number * PACKET_MS
        if losing:
            losing -= 1
            continue
        if rng.random() < loss / burst:
            losing = burst - 1
            continue
        swapped_ms = PACKET_MS * 1.5 if jitter_ms and rng.random() < 0.02 else 0.0
        heapq.heappush(
            arrivals, (sent_ms + rng.uniform(0, jitter_ms) + swapped_ms, number, sent_ms)
        )
    lags = []
    while arrivals:
        now_ms, number, sent_ms = heapq.heappop(arrivals)
        lags += [now_ms - began_ms for began_ms in buffer.push(number % 65_536, sent_ms)]
    return len(lags) / PACKETS, sorted(lags)[int(0.99 * len(lags))]


@fault(29, "network-loses-5-percent", "P", detect_ms=5000)
def network_loses_5_percent(_setting: Setting) -> Outcome:
    """A real call over a network that loses 5 % of all packets."""
    return asyncio.run(_lossy_call(0.05, 0.94))


@fault(29, "network-loses-20-percent", "P", detect_ms=5000)
def network_loses_20_percent(_setting: Setting) -> Outcome:
    """A real call over a network that loses a fifth of all packets, from the first on."""
    return asyncio.run(_lossy_call(0.20, 0.78))


class _Sink:
    """Takes what a peer sends, and counts it."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.begin_s = self.loop.time()
        self.samples = 0
        self.is_connected = asyncio.Event()

    def now_ns(self) -> int:
        return round((self.loop.time() - self.begin_s) * NS_PER_S)

    def sound(self, samples: Any, _t_ns: int) -> None:
        self.samples += samples.size

    def picture(self, *_picture: Any) -> None: ...

    def stream_ended(self, _modality: str) -> None: ...

    def connected(self) -> None:
        self.is_connected.set()

    def message(self, _text: str) -> None: ...

    def channel_open(self) -> None: ...

    def gone(self) -> None: ...


@contextmanager
def losing(loss: float) -> Iterator[Callable[[], tuple[int, int]]]:
    """Lose packets of this process on their way; gives how many of sound, of how many."""
    rng, send, counts = random.Random(11), Connection.sendto, [0, 0]

    async def sendto(self: Connection, data: bytes, component: int) -> Any:
        sound = len(data) > 12 and data[0] >> 6 == 2 and data[1] & 0x7F == SOUND
        counts[1] += sound
        if rng.random() < loss:
            counts[0] += sound
            return None
        return await send(self, data, component)

    Connection.sendto = sendto  # type: ignore[method-assign]
    try:
        yield lambda: (counts[0], counts[1])
    finally:
        Connection.sendto = send  # type: ignore[method-assign]


async def _lossy_call(loss: float, kept: float) -> Outcome:
    """Call, send ten seconds of sound, and count what arrives. Time to connect is detected_ms."""
    include_loopback()
    outcome, sink = Outcome(), _Sink()
    with losing(loss) as counted:
        caller, peer = Caller(sample_path(), ("audio",)), Peer()
        began_s = sink.loop.time()
        answer = await peer.answer(await caller.offer())
        peer.attach(sink)
        await caller.accept(answer)
        async with asyncio.timeout(40):
            await sink.is_connected.wait()
            outcome.detected_ms = (sink.loop.time() - began_s) * 1000
            while counted()[1] < 400:  # noqa: ASYNC110 - what is waited for is plain state
                await asyncio.sleep(0.05)
        lost, sent = counted()
        assert peer.sound is not None
        statistics = peer.sound.statistics()
        await caller.close()
        await peer.close()
    share = statistics.released / sent
    outcome.drops = {"lost": lost, "late": statistics.dropped}
    # The seed decides which are lost: what the network let through is all that can be kept.
    wanted = min(kept, (sent - lost) / sent - 0.01)
    found = f"{100 * share:.1f} % of {sent} packets, {100 * lost / sent:.1f} % were lost"
    outcome.check("what arrives is kept", share >= wanted, found)
    return outcome
