"""Sends a clip to `ray_serve.py` as fast as it was recorded, and prints what comes back.

python examples/ray_serve_client.py ws://127.0.0.1:8766/session [CLIP]
"""

import asyncio
import heapq
import json
import struct
import sys
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np

from tacit.stream.mediafile import audio_packets, video_packets
from tacit.stream.packet import Packet

SAMPLE = Path(str(resources.files("tacit.pipeline") / "assets" / "sample.mp4"))
HEAD = struct.Struct("<cq")


def pieces(clip: Path) -> Iterator[tuple[int, bytes]]:
    """When each piece is due, in ns, and what to send."""
    both = (audio_packets(clip), video_packets(clip))
    for packet in heapq.merge(*both, key=lambda each: each.t_end_ns):
        yield packet.t_end_ns, piece(packet)


def piece(packet: Packet) -> bytes:
    """A packet as it goes over the socket."""
    if packet.modality == "audio":
        pcm = (packet.data * 32767).clip(-32768, 32767).astype("<i2")
        return HEAD.pack(b"a", packet.t_capture_ns) + pcm.tobytes()
    _, jpeg = cv2.imencode(".jpg", packet.data, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return HEAD.pack(b"v", packet.t_capture_ns) + np.asarray(jpeg).tobytes()


async def send(socket: aiohttp.ClientWebSocketResponse, clip: Path) -> None:
    """Send a clip at its own speed."""
    clock = asyncio.get_running_loop()
    began = clock.time()
    for due_ns, content in pieces(clip):
        await asyncio.sleep(began + due_ns / 1e9 - clock.time())
        await socket.send_bytes(content)
    await socket.send_str(json.dumps({"type": "end"}))


async def read(
    url: str, clip: Path, participant: str = "p1", tell: Callable[[dict[str, Any]], None] = print
) -> None:
    """One session, with every event told."""
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        await socket.send_str(json.dumps({"participant": participant, "consent": "a clip"}))
        sending = asyncio.create_task(send(socket, clip))
        async for message in socket:
            tell(json.loads(message.data))
        sending.cancel()
        if socket.close_code not in (None, 1000):
            raise SystemExit(f"the server ended it: code {socket.close_code}")


if __name__ == "__main__":
    asyncio.run(read(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else SAMPLE))
