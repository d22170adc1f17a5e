"""Many live sessions on many cores: Tacit behind Ray Serve.

    pip install 'tacit[ray]'
    python examples/ray_serve.py --replicas 2 --cores 2

Each replica is an actor with a recognizer and worker processes of its own, on a group of cores of
its own. A session is one WebSocket, so it stays with its replica until it ends; Ray Serve gives a
new one to a replica with room. With RAY_ADDRESS in the environment, replicas run on that cluster;
every node then needs Tacit and the same weights. `ray_serve_client.py` shows the other end.

What goes over the socket:

- first from the client: {"participant": "anna", "consent": "form 17"} as text;
- then bytes: one for the kind ("a" or "v"), eight for the time in ns (signed, little-endian, any
  clock of the client's), and 16-bit PCM (16 kHz, mono, little-endian) or a JPEG picture;
- {"type": "end"} as text when there is no more;
- from the server: Tacit's events as JSON texts, the last one of type "session.closed".
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import struct
import threading
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
import ray
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from ray import serve

from tacit.pipeline import Recognizer
from tacit.pipeline.config import Settings
from tacit.pipeline.consent import ConsentError, Terms
from tacit.pipeline.events import Event, SessionClosed, SessionReady, to_json_line

SESSIONS = 4  # of one recognizer at a time
MOST_BYTES = 2 << 20
HEAD = "<cq"  # no compiled Struct: Ray sends this file's names to the replicas
HEAD_BYTES = struct.calcsize(HEAD)
REFUSED, BAD_DATA, TAKEN = 4403, 4400, 4409
app = FastAPI()


# What the routes use stands before them: Ray packs them when the class is made.
def _decoded(content: Any) -> Any:
    picture = cv2.imdecode(content, cv2.IMREAD_COLOR)
    return None if picture is None else np.asarray(picture, np.uint8)


async def _send(socket: WebSocket, lines: "asyncio.Queue[str | None]") -> None:
    while (line := await lines.get()) is not None:
        # A client that is gone is noticed by who hears it.
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.send_text(line)
    with suppress(RuntimeError):
        await socket.close()


@serve.deployment(max_ongoing_requests=SESSIONS)
@serve.ingress(app)
class Sessions:
    """One recognizer, and the sessions that Ray Serve gives to it."""

    async def __init__(self, purpose: str, settings: dict[str, Any]) -> None:
        self._purpose = purpose
        self._recognizer = Recognizer.open(
            Settings.model_validate(settings), purpose=purpose, consent="stated by each caller"
        )
        await self._recognizer.__aenter__()
        self._names: dict[str, str] = {}
        self._lines: dict[str, asyncio.Queue[str | None]] = {}
        self._telling = asyncio.create_task(self._tell())

    def check_health(self) -> None:
        """Ray Serve replaces a replica that can read nothing any more."""
        if self._telling.done():
            raise RuntimeError("the recognizer has ended")

    @app.websocket("/session")
    async def session(self, socket: WebSocket) -> None:
        """One session, from its terms to its last event."""
        await socket.accept()
        try:
            asked = json.loads(await socket.receive_text())
            terms = Terms(str(asked["participant"]), self._purpose, str(asked["consent"]))
        except (ConsentError, ValueError, KeyError, TypeError) as exc:
            await socket.close(REFUSED, f"participant and consent are needed: {exc}"[:120])
            return
        except WebSocketDisconnect:
            return
        name = terms.participant
        if name in self._lines:
            await socket.close(TAKEN, f"{name} is here already")
            return
        lines = self._lines[name] = asyncio.Queue()
        sending = asyncio.create_task(_send(socket, lines))
        try:
            with suppress(WebSocketDisconnect):
                await self._hear(socket, name)
            await self._recognizer.detach(name)
            await sending
        finally:
            sending.cancel()
            self._lines.pop(name, None)

    async def _hear(self, socket: WebSocket, name: str) -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect" or message.get("text"):
                return
            piece = message.get("bytes") or b""
            if not HEAD_BYTES < len(piece) <= MOST_BYTES:
                await socket.close(BAD_DATA, "a piece has no content, or too much")
                return
            kind, t_ns = struct.unpack_from(HEAD, piece)
            content = np.frombuffer(piece, np.uint8, offset=HEAD_BYTES)
            if kind == b"a" and content.size % 2 == 0:
                sound = content.view("<i2").astype(np.float32) / 32768
                self._recognizer.push_audio(sound, t_ns, participant=name)
            elif kind == b"v" and (picture := _decoded(content)) is not None:
                self._recognizer.push_frame(picture, t_ns, participant=name)
            else:
                await socket.close(BAD_DATA, "neither PCM nor a JPEG picture")
                return

    async def _tell(self) -> None:
        async for event in self._recognizer.events():
            if isinstance(event, SessionReady):
                self._names[event.session_id] = event.participants[0]
            lines = self._lines.get(self._names.get(event.session_id, ""))
            if lines is not None:
                lines.put_nowait(to_json_line(event))
                self._end_after(event, lines)

    def _end_after(self, event: Event, lines: "asyncio.Queue[str | None]") -> None:
        if isinstance(event, SessionClosed):
            lines.put_nowait(None)
            self._names.pop(event.session_id, None)


def main() -> None:
    """Start Ray and the replicas, and serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--port", type=int, default=8766)
    parser.add_argument("--replicas", type=int, default=1, help="recognizers")
    parser.add_argument("--cores", type=float, default=2, help="that each of them gets")
    parser.add_argument("--purpose", default="research", help="what all sessions are for")
    parser.add_argument("--asr", default="auto", help="as in `tacit live`")
    chosen = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray lets its workers wait behind all else; people who are being read cannot wait.
    os.environ.setdefault("RAY_worker_niceness", "0")
    local = {} if "RAY_ADDRESS" in os.environ else {"num_cpus": chosen.replicas * chosen.cores + 1}
    ray.init(include_dashboard=False, logging_level=logging.WARNING, **local)
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": chosen.port})
        replicas = Sessions.options(
            num_replicas=chosen.replicas, ray_actor_options={"num_cpus": chosen.cores}
        )
        serve.run(replicas.bind(chosen.purpose, {"asr": chosen.asr}), name="tacit")
        print(f"Tacit: ws://127.0.0.1:{chosen.port}/session   (Ctrl-C stops it)", flush=True)
        stop.wait()
    finally:
        serve.shutdown()
        ray.shutdown()


if __name__ == "__main__":
    main()
