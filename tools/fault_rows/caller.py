"""A WebRTC peer that sends a clip, in this process or as a program of its own.

`python -m tools.fault_rows.caller URL` calls a server, sends the bundled sample until it is ended,
and says on standard output when it has begun ("sending") and when it closes ("closing" with the
monotonic clock's time). It closes at SIGTERM.
"""

import asyncio
import random
import signal
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import aiohttp
import av
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from tacit.stream.webrtc import include_loopback
from tools.fault_rows.clip import sample_path

TERMS: Final = {"purpose": "test", "consent": "fault-table"}
SDP: Final = {"Content-Type": "application/sdp"}


class ClipTrack(MediaStreamTrack):
    """A clip's sound or pictures at the pace of the clock, again and again.

    Args:
        path: the clip.
        kind: "audio" or "video".
    """

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self._path = path
        self._frames = self._decoded()
        self._begin_s: float | None = None

    async def recv(self) -> Any:
        """The next frame when its time has come."""
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
    """A peer that sends a clip and keeps what comes over the data channel.

    Args:
        clip: what it sends; None for nothing.
        kinds: of "audio" and "video".
    """

    def __init__(self, clip: Path | None, kinds: tuple[str, ...] = ("audio", "video")) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.tracks = [] if clip is None else [ClipTrack(clip, kind) for kind in kinds]
        for track in self.tracks:
            self.pc.addTrack(track)
        self.channel = self.pc.createDataChannel("events")
        self.messages: asyncio.Queue[str] = asyncio.Queue()
        self.channel.on("message", self.messages.put_nowait)

    async def offer(self) -> str:
        """An SDP offer with all candidates."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """Take the answer; media go out from then on."""
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def call(self, url: str) -> str:
        """Call a server.

        Returns:
            name of the session.
        """
        async with (
            aiohttp.ClientSession() as http,
            http.post(
                f"{url}/whip", data=await self.offer(), headers=SDP, params=TERMS
            ) as response,
        ):
            text = await response.text()
            if response.status != 201:
                raise RuntimeError(f"{url} answers {response.status}: {text}")
            await self.accept(text)
            return response.headers["Tacit-Session"]

    async def close(self) -> None:
        """Say goodbye."""
        for track in self.tracks:
            track.stop()
        await self.pc.close()


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
    made = "\r\n".join(lines) + "\r\n"
    return made if made != offer else mutated(offer, rng)


async def send_until_ended(url: str) -> None:
    """Call, send, and close at SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    include_loopback()
    caller = Caller(sample_path())
    name = await caller.call(url)
    print("sending", name, flush=True)
    await ended.wait()
    print("closing", time.monotonic_ns(), flush=True)
    await caller.close()


if __name__ == "__main__":
    asyncio.run(send_until_ended(sys.argv[1]))
