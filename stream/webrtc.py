"""One WebRTC peer that sends its camera and microphone, by aiortc.

What aiortc leaves to its user is done here: every track is drained always, sound goes through a
reorder buffer that gives up on lost packets soon, a bad offer leaves nothing behind, and a peer
whose media stop is noticed by whoever looks at when it was last heard.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol

import aioice.ice
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCDtlsTransport,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)

from .errors import RemoteError
from .limits import MAX_OFFER_BYTES, MAX_OFFER_CANDIDATES, MAX_OFFER_MEDIA, NEGOTIATE_S
from .player import LiveSink
from .rtp_sound import RtpSound, tap_sound
from .tracks import discard, watch_pictures

CHANNEL: Final = "events"
MOST_BUFFERED: Final = 256 * 1024
"""Bytes that may wait in a data channel; beyond, messages are dropped."""
DRAIN_S: Final = 0.5
MOST_LATE_CHECKS: Final = 120
"""Ten minutes of checks, one every 5 s, all of them answered late."""
log = logging.getLogger(__name__)


class OfferError(RemoteError):
    """An offer cannot be answered; the message says why."""


class PeerSink(LiveSink, Protocol):
    """Takes what a peer sends; on the event loop's thread."""

    def connected(self) -> None:
        """Media will come now."""

    def message(self, text: str) -> None:
        """A message came over the data channel."""

    def channel_open(self) -> None:
        """Messages can be sent now."""

    def gone(self) -> None:
        """The peer has closed, or cannot be reached."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What an offer holds.

    Attributes:
        audio: whether it sends sound.
        video: whether it sends pictures.
    """

    audio: bool
    video: bool


def check_offer(sdp: str) -> Offered:
    """Look at an offer before it is parsed.

    Raises:
        OfferError: it is too large, or no offer of media.
    """
    if len(sdp.encode(errors="replace")) > MAX_OFFER_BYTES:
        raise OfferError(f"the offer is larger than {MAX_OFFER_BYTES} bytes")
    lines = sdp.splitlines()
    if not lines or lines[0].strip() != "v=0":
        raise OfferError("the body is no SDP: it does not begin with v=0")
    media = [line.split()[0] for line in lines if line.startswith("m=") and len(line) > 2]
    if not 1 <= len(media) <= MAX_OFFER_MEDIA:
        raise OfferError(f"the offer has {len(media)} media sections; 1 to {MAX_OFFER_MEDIA} go")
    if sum(line.startswith("a=candidate:") for line in lines) > MAX_OFFER_CANDIDATES:
        raise OfferError(f"the offer has more than {MAX_OFFER_CANDIDATES} candidates")
    offered = Offered("m=audio" in media, "m=video" in media)
    if not (offered.audio or offered.video):
        raise OfferError("the offer holds neither sound nor pictures")
    return offered


class Peer:
    """One peer; all methods belong to the event loop's thread.

    Args:
        ice_servers: STUN and TURN servers; none unless somebody asks for them.
    """

    def __init__(self, ice_servers: tuple[str, ...] = ()) -> None:
        servers = [RTCIceServer(urls=url) for url in ice_servers]
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._sink: PeerSink | None = None
        self._channel: RTCDataChannel | None = None
        self._low = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None
        self.sound: RtpSound | None = None
        self.dropped_messages = 0

    async def answer(self, offer: str) -> str:
        """Answer an offer; afterwards `attach` a sink.

        Raises:
            OfferError: whatever is wrong with it; the peer is closed then.
        """
        try:
            check_offer(offer)
            async with asyncio.timeout(NEGOTIATE_S):
                return await self._negotiate(offer)
        except Exception as exc:
            # aiortc answers damaged offers with six kinds of exceptions, assertions among them.
            await self.close()
            if isinstance(exc, OfferError):
                raise
            log.debug("an offer was refused", exc_info=True)
            kind = "took too long" if isinstance(exc, TimeoutError) else "cannot be understood"
            raise OfferError(f"the offer {kind}; make a new one with createOffer()") from exc

    def attach(self, sink: PeerSink) -> None:
        """Say who takes what comes; nothing comes before the answer has been sent."""
        self._sink = sink
        video = False
        for transceiver in self._pc.getTransceivers():
            track: MediaStreamTrack | None = transceiver.receiver.track
            if track is None:
                continue
            if track.kind == "audio" and self.sound is None:
                self.sound = RtpSound(sink)
                tap_sound(transceiver.receiver, self.sound)
                self._spawn(discard(track))
            elif track.kind == "video" and not video:
                video = True
                self._spawn(watch_pictures(track, sink))
            else:
                self._spawn(discard(track))

    def send(self, text: str) -> bool:
        """Send a message; False where there is no channel, or it is stuck."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return False
        if channel.bufferedAmount > MOST_BUFFERED:
            self.dropped_messages += 1
            return False
        channel.send(text)
        return True

    async def drained(self) -> None:
        """Wait until what was sent has left, but not for a path that is stuck."""
        channel = self._channel
        if channel is None or channel.bufferedAmount == 0:
            return
        self._low.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._low.wait(), DRAIN_S)

    async def close(self) -> None:
        """End it; nothing of it is left afterwards."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _negotiate(self, offer: str) -> str:
        pc = self._pc
        pc.on("connectionstatechange", self._on_state)
        pc.on("datachannel", self._on_channel)
        offered = check_offer(offer)
        if offered.audio:
            audio = pc.addTransceiver("audio", direction="recvonly")
            known = RTCRtpReceiver.getCapabilities("audio")
            assert known is not None
            opus = [c for c in known.codecs if c.mimeType.lower() == "audio/opus"]
            audio.setCodecPreferences(opus)
        await pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await pc.setLocalDescription(await pc.createAnswer())
        return pc.localDescription.sdp

    async def _on_state(self) -> None:
        state = self._pc.connectionState
        if self._sink is None:
            return
        if state == "connected":
            self._sink.connected()
        elif state in ("failed", "closed"):
            self._sink.gone()

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL:
            return
        self._channel = channel

        def on_message(message: str | bytes) -> None:
            if self._sink is not None and isinstance(message, str):
                self._sink.message(message)

        channel.on("message", on_message)
        channel.on("bufferedamountlow", self._low.set)
        if self._sink is not None:
            self._sink.channel_open()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._pc.close()
        except Exception:
            # close() itself fails on what a damaged offer leaves half made; end the parts.
            log.debug("a peer connection did not close", exc_info=True)
            await _close_parts(self._pc)


async def _close_parts(pc: RTCPeerConnection) -> None:
    """End what there is of a connection; a damaged offer can leave parts without a transport."""
    parts: list[Any] = []
    for transceiver in pc.getTransceivers():
        parts += [transceiver, transceiver.receiver.transport]
    if pc.sctp is not None:
        parts += [pc.sctp, pc.sctp.transport]
    parts += [part.transport for part in parts if isinstance(part, RTCDtlsTransport)]
    for part in parts:
        with contextlib.suppress(Exception):
            await part.stop()


def stay_with_slow_peers() -> None:
    """Keep peers that answer late, as they do on a machine that is too busy.

    aioice hangs up after six checks in a row without an answer within half a second, although media
    come all the while. Who calls this has to notice silent peers, as the server does in 10 s.
    """
    aioice.ice.CONSENT_FAILURES = MOST_LATE_CHECKS


def include_loopback() -> None:
    """Let peers on this machine reach this process although it has no network."""
    found = aioice.ice.get_host_addresses
    if getattr(found, "with_loopback", False):
        return

    def addresses(*, use_ipv4: bool, use_ipv6: bool) -> list[str]:
        return [*(["127.0.0.1"] if use_ipv4 else []), *found(use_ipv4=use_ipv4, use_ipv6=use_ipv6)]

    addresses.with_loopback = True  # type: ignore[attr-defined]
    aioice.ice.get_host_addresses = addresses  # type: ignore[assignment]
