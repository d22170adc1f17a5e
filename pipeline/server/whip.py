"""POST /whip: a browser's, or any WebRTC client's, camera and microphone into a session."""

import asyncio
import json
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from ...stream.limits import CONNECT_S, MAX_OFFER_BYTES
from ...stream.packet import Modality
from ...stream.webrtc import OfferError, Peer, check_offer
from ..live.engine import Opening
from ..live.handle import LiveHandle
from .book import Served
from .desk import DESK, Desk
from .errors import ApiError
from .sessions import is_own_program, read_body, terms_of
from .sockets import obey
from .viewers import Viewer

SDP: Final = "application/sdp"
LAST_WORDS_S: Final = 1.5
MOST_COMMANDS: Final = 8
"""Commands of one peer that are being done; more at a time are nobody's buttons."""
NO_TRACK: Final = "not_offered"


class PeerSession:
    """Joins a peer and a session: media in, events out over the data channel.

    Args:
        desk: ends the session.
        served: the session.
        peer: an answered one.
    """

    def __init__(self, desk: Desk, served: Served, peer: Peer) -> None:
        self._desk = desk
        self._served = served
        self._peer = peer
        self._handle: LiveHandle = served.handle
        self._viewer = Viewer(frozenset({self._handle.session_id}))
        self._connecting = asyncio.create_task(self._limit_connecting())
        self._sender: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.now_ns = self._handle.now_ns
        self.sound = self._handle.sound
        self.picture = self._handle.picture
        self.stream_ended = self._handle.stream_ended

    def connected(self) -> None:
        """The peer is there."""
        if self._served.state == "connecting":
            self._served.state = "live"

    def channel_open(self) -> None:
        """Events can be sent; first those that came before."""
        self._desk.audience.add(self._viewer)
        for line in self._served.last_lines():
            self._viewer.offer(line)
        self._sender = asyncio.create_task(self._send_events())

    def message(self, text: str) -> None:
        """A command came."""
        if len(self._tasks) < MOST_COMMANDS:
            self._do(self._obey(text))

    def gone(self) -> None:
        """The peer has left."""
        self._do(self._desk.stop(self._served))

    async def stop(self) -> None:
        """Let the peer go once it has heard the last events."""
        self._handle.end("end")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._served.ended.wait(), LAST_WORDS_S)
        self._desk.audience.remove(self._viewer)
        if self._sender is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._sender, LAST_WORDS_S)
        self._connecting.cancel()
        await self._peer.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _limit_connecting(self) -> None:
        await asyncio.sleep(CONNECT_S)
        if self._served.state == "connecting":
            self._do(self._desk.stop(self._served))

    async def _send_events(self) -> None:
        while (line := await self._viewer.take()) is not None:
            # Wait for the path rather than fill its buffer: the viewer's queue drops what is old.
            self._peer.send(line.text)
            await self._peer.drained()

    async def _obey(self, text: str) -> None:
        try:
            fields: Any = json.loads(text)
        except (ValueError, RecursionError):
            fields = None
        self._peer.send(json.dumps(await obey(self._desk, self._served, fields)))


async def start(request: web.Request) -> web.Response:
    """POST /whip: an offer in, an answer out."""
    desk = request.app[DESK]
    if request.content_type != SDP:
        raise ApiError("wrong_type", f"Send the SDP offer with Content-Type: {SDP}")
    terms = terms_of(request.query, desk, trusted=is_own_program(request))
    body = await read_body(request, MAX_OFFER_BYTES)
    desk.check_room()
    peer = Peer(desk.options.ice_servers)
    try:
        offer = body.decode()
        offered = check_offer(offer)
        answer = await peer.answer(offer)
    except (OfferError, UnicodeDecodeError) as exc:
        await peer.close()
        reason = "the body is not text" if isinstance(exc, UnicodeDecodeError) else str(exc)
        raise ApiError("bad_sdp", reason[0].upper() + reason[1:]) from exc
    absent: dict[Modality, str] = {}
    if not offered.audio:
        absent |= {"audio": NO_TRACK, "text": NO_TRACK}
    if not offered.video:
        absent["face"] = NO_TRACK
    try:
        opening = Opening(terms.participant, "webrtc", absent, terms=terms)
        served = await desk.open(terms, opening, request.query)
    except ApiError:
        await peer.close()
        raise
    session = PeerSession(desk, served, peer)
    served.stop = session.stop
    peer.attach(session)
    name = served.handle.session_id
    headers = {"Location": f"/whip/{name}", "Tacit-Session": name}
    return web.Response(status=201, text=answer, content_type=SDP, headers=headers)


async def end(request: web.Request) -> web.Response:
    """DELETE /whip/{id}."""
    desk = request.app[DESK]
    served = desk.book.get(request.match_info["id"])
    if served is None:
        raise ApiError("unknown_session", "There is no such session")
    await desk.stop(served)
    return web.Response(status=200)
