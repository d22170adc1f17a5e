"""GET /ws: events out, commands in."""

import asyncio
import json
import time
from collections import deque
from contextlib import suppress
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from ...stream.limits import (
    MAX_SOCKET_MESSAGE_BYTES,
    MAX_SOCKET_MESSAGES_PER_S,
    MAX_SOCKETS,
    SOCKET_PING_S,
)
from .book import Served
from .desk import DESK, Desk
from .errors import ApiError
from .sessions import inject_into, mend_in
from .viewers import Viewer

SEND_S: Final = 2.0


class Rate:
    """Counts messages of the last second."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: deque[float] = deque()

    def allows(self, now_s: float) -> bool:
        """Count one more; False when that is too many."""
        while self._times and now_s - self._times[0] > 1.0:
            self._times.popleft()
        self._times.append(now_s)
        return len(self._times) <= self._most


async def web_socket(request: web.Request) -> web.StreamResponse:
    """Serve one web socket."""
    desk = request.app[DESK]
    if len(desk.audience) >= MAX_SOCKETS:
        raise ApiError("too_many_requests", f"{MAX_SOCKETS} viewers watch already; try later", 10)
    names = request.query.getall("session", [])
    socket = web.WebSocketResponse(
        heartbeat=SOCKET_PING_S, compress=False, max_msg_size=MAX_SOCKET_MESSAGE_BYTES
    )
    await socket.prepare(request)
    viewer = Viewer(frozenset(names) if names else None)
    tasks: set[asyncio.Task[Any]] = set()

    def give_up() -> None:
        late = socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"too slow: reconnect")
        tasks.add(asyncio.ensure_future(late))

    desk.audience.add(viewer, give_up)
    sender = asyncio.create_task(_send(socket, viewer, desk))
    try:
        await _receive(socket, desk)
    finally:
        desk.audience.remove(viewer)
        sender.cancel()
        with suppress(asyncio.CancelledError, ConnectionError, TimeoutError):
            await sender
        for task in tasks:
            with suppress(Exception):
                await asyncio.wait_for(task, SEND_S)
        await socket.close()
    return socket


async def obey(desk: Desk, served: Served | None, fields: Any) -> dict[str, Any]:
    """Do what a viewer's command says.

    Returns:
        the answer.
    """
    command = fields.get("type") if isinstance(fields, dict) else None
    answer: dict[str, Any] = {"type": "ack", "command": command, "ok": True}
    try:
        if served is None:
            raise ApiError("unknown_session", "Name a session that runs: session=ID")
        match command:
            case "inject":
                await inject_into(desk, served, fields)
            case "mend":
                await mend_in(desk, served, fields.get("modality"))
            case "stop":
                await desk.stop(served)
            case "withdraw":
                answer["deleted"] = await desk.withdraw(served)
            case _:
                raise ApiError("bad_request", "Commands are inject, mend, stop and withdraw")
    except ApiError as exc:
        answer |= {"ok": False, "error": exc.fields()}
    return answer


async def _send(socket: web.WebSocketResponse, viewer: Viewer, desk: Desk) -> None:
    followed = [s for s in desk.book.all if viewer.follows(s.handle.session_id)]
    hello = {"type": "hello", "v": 1, "sessions": [s.as_json() for s in followed]}
    await socket.send_str(json.dumps(hello))
    for served in followed:
        if served.state != "ended":
            for line in served.last_lines():
                await socket.send_str(line.text)
    while (news := await viewer.take()) is not None:
        await socket.send_str(news.text)


async def _receive(socket: web.WebSocketResponse, desk: Desk) -> None:
    rate = Rate(MAX_SOCKET_MESSAGES_PER_S)
    async for message in socket:
        if message.type != WSMsgType.TEXT:
            await socket.close(code=WSCloseCode.UNSUPPORTED_DATA, message=b"text only")
            return
        if not rate.allows(time.monotonic()):
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too many messages")
            return
        try:
            fields = json.loads(message.data)
        except (ValueError, RecursionError):
            fields = None
        name = fields.get("session") if isinstance(fields, dict) else None
        served = desk.book.get(name) if isinstance(name, str) else None
        await socket.send_str(json.dumps(await obey(desk, served, fields)))
