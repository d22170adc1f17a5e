"""A video call for two, page to page through this server, with Tacit in the middle of it.

    python examples/video_call/call.py [PORT]

Open the page it names in two windows, or on two machines behind a proxy with https. Each side sees
and hears the other, and both see the expressed emotion of both.

What Tacit needs is in `Call.welcome` and `Call.tell`: hand over each track, send on each event.
"""

import argparse
import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from aiohttp import web
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.contrib.media import MediaRelay

from tacit.pipeline import Recognizer
from tacit.pipeline.config import Settings
from tacit.pipeline.events import to_json_line
from tacit.stream.webrtc import check_offer

PAGE = Path(__file__).parent
MODULES = Path(str(resources.files("tacit.pipeline") / "web" / "static"))
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
SEATS = 2
MAX_OFFER_BYTES = 65_536


@dataclass(eq=False, slots=True)
class Guest:
    """One side of the call.

    Attributes:
        name: as the page gave it.
        peer: the connection to its page.
        tracks: what it sends, by kind.
        channel: takes events to its page.
    """

    name: str
    peer: RTCPeerConnection
    tracks: dict[str, MediaStreamTrack] = field(default_factory=dict)
    channel: RTCDataChannel | None = None


class Call:
    """The call: who is in it, and what each gets.

    Args:
        recognizer: reads everybody.
    """

    def __init__(self, recognizer: Recognizer) -> None:
        self.guests: dict[str, Guest] = {}
        self._recognizer = recognizer
        self._relay = MediaRelay()

    async def join(self, name: str, offer: str) -> str:
        """Let somebody in; gives the answer to their offer."""
        check_offer(offer)
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        guest = self.guests[name] = Guest(name, peer)
        peer.on("track", lambda track: self.welcome(guest, track))
        peer.on("datachannel", lambda channel: setattr(guest, "channel", channel))

        @peer.on("connectionstatechange")
        async def changed() -> None:
            if peer.connectionState in ("failed", "closed"):
                await self.leave(guest)

        try:
            await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            for transceiver in peer.getTransceivers():
                transceiver.direction = "sendrecv"
            await peer.setLocalDescription(await peer.createAnswer())
        except Exception:
            await self.leave(guest)
            raise
        self.connect()
        return str(peer.localDescription.sdp)

    def welcome(self, guest: Guest, track: MediaStreamTrack) -> None:
        """A track has come: Tacit reads it, and the other side gets it."""
        guest.tracks[track.kind] = track
        self._recognizer.attach(self._relay.subscribe(track), participant=guest.name)

    def connect(self) -> None:
        """Send to each page what the other one gives."""
        for guest in self.guests.values():
            for other in self.guests.values():
                if other is guest:
                    continue
                for transceiver in guest.peer.getTransceivers():
                    track = other.tracks.get(transceiver.kind)
                    if track is not None:
                        # Pictures that come late are of no use; sound must have no holes.
                        late = transceiver.kind == "audio"
                        transceiver.sender.replaceTrack(self._relay.subscribe(track, buffered=late))

    async def tell(self) -> None:
        """Send every event to everybody, until the recognizer is closed."""
        async for event in self._recognizer.events():
            for guest in self.guests.values():
                if guest.channel is not None and guest.channel.readyState == "open":
                    guest.channel.send(to_json_line(event))

    async def leave(self, guest: Guest) -> None:
        """Somebody has hung up: their analysis ends."""
        if self.guests.get(guest.name) is guest:
            del self.guests[guest.name]
            await self._recognizer.detach(guest.name)
        for sender in guest.peer.getSenders():
            # Nobody takes from it any more: left running, its queue would grow without end.
            if sender.track is not None:
                sender.track.stop()
        await guest.peer.close()

    async def close(self) -> None:
        """End the call."""
        for guest in list(self.guests.values()):
            await self.leave(guest)


async def answer(request: web.Request) -> web.Response:
    """POST /join: an offer in, an answer out."""
    call, name = request.app[CALL], request.query.get("name", "")
    if NAME.fullmatch(name) is None or not request.query.get("consent"):
        raise web.HTTPBadRequest(text="Give a name of letters and digits, and agree to the notice.")
    if name in call.guests or len(call.guests) >= SEATS:
        raise web.HTTPConflict(text="The call is full, or somebody with this name is in it.")
    try:
        return web.Response(text=await call.join(name, await request.text()))
    except Exception as error:
        raise web.HTTPBadRequest(
            text="Your browser's offer cannot be answered; reload the page and join again."
        ) from error


async def page(_: web.Request) -> web.FileResponse:
    """GET /."""
    return web.FileResponse(PAGE / "index.html")


CALL = web.AppKey("call", Call)


def make_app(call: Call) -> web.Application:
    """The server of one call."""
    app = web.Application(client_max_size=MAX_OFFER_BYTES)
    app[CALL] = call
    app.add_routes([web.get("/", page), web.post("/join", answer)])
    app.router.add_static("/call/", PAGE)
    app.router.add_static("/tacit/", MODULES)
    return app


async def main(port: int, settings: Settings | None = None) -> None:
    """Serve the call until somebody presses Ctrl-C."""
    print("loading the models...", flush=True)
    async with Recognizer.open(settings, purpose="call", consent="call page") as recognizer:
        call = Call(recognizer)
        telling = asyncio.create_task(call.tell())
        runner = web.AppRunner(make_app(call))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        print(f"call at http://127.0.0.1:{runner.addresses[0][1]}/", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            await call.close()
            await runner.cleanup()
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A video call for two with Tacit in it.")
    parser.add_argument("port", type=int, nargs="?", default=8770)
    with suppress(KeyboardInterrupt):
        asyncio.run(main(parser.parse_args().port))
