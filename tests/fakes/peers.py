"""A second WebRTC peer in this process, kept to loopback."""

import asyncio
import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import aioice.ice
import av
import numpy as np
import pytest
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from tacit.stream.packet import NS_PER_S


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every candidate on this machine, whatever networks it has."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])


class ClipTrack(MediaStreamTrack):
    """A clip's sound or pictures at the pace of the clock, again and again."""

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self._path = path
        self._frames = self._decoded()
        self._begin_s: float | None = None

    async def recv(self) -> Any:
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        frame, t_s = next(self._frames)
        if self._begin_s is None:
            self._begin_s = loop.time() - t_s
        await asyncio.sleep(max(0.0, self._begin_s + t_s - loop.time()))
        return frame

    def _decoded(self) -> Iterator[tuple[Any, float]]:
        turn = 0.0
        while True:
            last = 0.0
            with av.open(str(self._path)) as container:
                resampler = av.AudioResampler(format="s16", layout="stereo", rate=48_000)
                streams = container.streams.audio if self.kind == "audio" else None
                frames: Any = container.decode(*(streams or container.streams.video))
                for frame in frames:
                    out: Any
                    for out in resampler.resample(frame) if self.kind == "audio" else [frame]:
                        t_s = turn + float(out.pts * out.time_base)
                        last = max(last, t_s)
                        base = Fraction(1, 48_000 if self.kind == "audio" else 90_000)
                        out.pts, out.time_base = int(t_s / base), base
                        yield out, t_s
            turn = last + 0.04


class Caller:
    """A peer that sends a clip and keeps what comes over the data channel."""

    def __init__(self, clip: Path | None, kinds: tuple[str, ...] = ("audio", "video")) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.tracks = [] if clip is None else [ClipTrack(clip, kind) for kind in kinds]
        for track in self.tracks:
            self.pc.addTrack(track)
        self.channel = self.pc.createDataChannel("events")
        self.messages: asyncio.Queue[str] = asyncio.Queue()
        self.channel.on("message", self.messages.put_nowait)

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def close(self) -> None:
        for track in self.tracks:
            track.stop()
        await self.pc.close()


class CollectingSink:
    """Takes what a peer sends."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.begin_s = self.loop.time()
        self.sounds: list[tuple[int, int]] = []
        self.pictures: list[tuple[int, tuple[int, int]]] = []
        self.ended: set[str] = set()
        self.texts: list[str] = []
        self.left = asyncio.Event()
        self.is_connected = asyncio.Event()
        self.opened = asyncio.Event()

    def now_ns(self) -> int:
        return round((self.loop.time() - self.begin_s) * NS_PER_S)

    def sound(self, samples: Any, t_ns: int) -> None:
        assert samples.dtype == np.float32
        self.sounds.append((t_ns, samples.size))

    def picture(self, frame: Any, t_ns: int, duration_ns: int) -> None:
        self.pictures.append((t_ns, (frame.width, frame.height)))

    def stream_ended(self, modality: str) -> None:
        self.ended.add(modality)

    def connected(self) -> None:
        self.is_connected.set()

    def message(self, text: str) -> None:
        self.texts.append(text)

    def channel_open(self) -> None:
        self.opened.set()

    def gone(self) -> None:
        self.left.set()


async def until(true: Callable[[], bool], limit_s: float = 40.0) -> None:
    """Wait for something that other tasks bring about."""
    async with asyncio.timeout(limit_s):
        while not true():  # noqa: ASYNC110 - what is waited for is plain state
            await asyncio.sleep(0.02)


def mutated(offer: str, rng: random.Random) -> str:
    """An offer with something wrong: lines lost, doubled, swapped, cut or with odd characters."""
    lines = offer.splitlines()
    for _ in range(rng.randint(1, 6)):
        k = rng.randrange(len(lines))
        match rng.randrange(6):
            case 0:
                del lines[k]
            case 1:
                lines.insert(k, lines[rng.randrange(len(lines))])
            case 2:
                lines[k] = lines[k][: rng.randrange(len(lines[k]) + 1)]
            case 3:
                at = rng.randrange(len(lines[k]) + 1)
                lines[k] = lines[k][:at] + chr(rng.randrange(32, 0x2FF)) + lines[k][at + 1 :]
            case 4:
                other = rng.randrange(len(lines))
                lines[k], lines[other] = lines[other], lines[k]
            case _:
                lines[k] = lines[k].replace("1", "99999999999")
        if not lines:
            lines = ["v=0"]
    return "\r\n".join(lines) + "\r\n"
