"""Brings a sensor fault about on a recording, on this machine's devices, or on a running server."""

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp

from ...models.features import Modality
from ..config import Settings
from ..events import Event, MeasurementResult, SensorHealth, read_event
from ..live.engine import Opening
from ..live.run import LiveRun
from ..plan import ReplayRequest
from ..runner import replay
from .judge import Told
from .outcome import Outcome, Verdict
from .sensors import FaultError, SensorFault, judge

AFTER_S: Final = 4.0
"""How long a session is watched after the fault."""
PLACES: Final[tuple[Modality, ...]] = ("audio", "face")


@dataclass(frozen=True, slots=True)
class When:
    """When a sensor is broken.

    Attributes:
        at_s: session time of its beginning.
        for_s: how long it lasts.
    """

    at_s: float
    for_s: float

    @property
    def begin_ms(self) -> float:
        """Beginning."""
        return self.at_s * 1000

    @property
    def end_ms(self) -> float:
        """End."""
        return (self.at_s + self.for_s) * 1000


class Target(Protocol):
    """Something that can be broken."""

    def run(self, fault: SensorFault, when: When) -> Verdict:
        """Bring a fault about and measure what it does."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording; times are its own.

    Attributes:
        media: the file.
        settings: of the replay.
    """

    media: Path
    settings: Settings

    def run(self, fault: SensorFault, when: When) -> Verdict:
        """Break a sensor of it.

        Raises:
            MediaError: it cannot be read.
            FaultError: it is too short.
        """
        began_s = time.monotonic()
        request = ReplayRequest(self.media, self.settings, fault.injection(when.at_s, when.for_s))
        with replay(request) as session:
            needed_ms = when.end_ms + 1000
            if session.duration_ms < needed_ms:
                raise FaultError(
                    f"{self.media}: lasts {session.duration_ms / 1000:.1f} s; a fault from "
                    f"{when.at_s:g} s for {when.for_s:g} s needs {needed_ms / 1000:g} s: choose "
                    "--at and --for"
                )
            told = [Told(_own_ms(event), event) for event in session]
        return _verdict(fault, judge(fault, told, when.begin_ms, when.end_ms), began_s)


def _own_ms(event: Event) -> float:
    """When an event became true, by the clock of the recording."""
    if isinstance(event, MeasurementResult):
        return float(event.window.end_ms)
    return float(event.t_ms) if isinstance(event, SensorHealth) else 0.0


@dataclass(frozen=True, slots=True)
class Devices:
    """A live session on devices of this machine; times are those at which events came.

    Attributes:
        devices: by modality.
        settings: of the session.
    """

    devices: Mapping[Modality, str]
    settings: Settings

    def run(self, fault: SensorFault, when: When) -> Verdict:
        """Break what a device gives.

        Raises:
            EngineError: the models cannot be loaded.
        """
        began_s = time.monotonic()
        absent: dict[Modality, str] = {m: "switched_off" for m in PLACES if m not in self.devices}
        spec = fault.injection(when.at_s, when.for_s)
        opening = Opening("p1", "devices", absent, spec, views=False)
        seconds = when.at_s + when.for_s + AFTER_S
        told = _timed(LiveRun(self.settings, self.devices, opening, seconds))
        return _verdict(fault, judge(fault, told, when.begin_ms, when.end_ms), began_s)


def _verdict(fault: SensorFault, outcome: Outcome, began_s: float) -> Verdict:
    return Verdict(fault.name, None, "P", fault.limits, outcome, time.monotonic() - began_s)


def _timed(events: Iterable[Event]) -> list[Told]:
    """Events with the time since the first of them, which comes when the session begins."""
    told: list[Told] = []
    began_s: float | None = None
    for event in events:
        began_s = time.monotonic() if began_s is None else began_s
        told.append(Told((time.monotonic() - began_s) * 1000, event))
    return told


@dataclass(frozen=True, slots=True)
class Server:
    """A session of a running server; times are those at which events came here.

    Attributes:
        url: where it listens, without a path.
        token: what it wants to be shown; empty for none.
        session: which of its sessions; empty for its only one, or a new one on the sample.
    """

    url: str
    token: str = ""
    session: str = ""

    def run(self, fault: SensorFault, when: When) -> Verdict:
        """Break a sensor of it.

        Raises:
            FaultError: the server cannot be reached, or refuses.
        """
        began_s = time.monotonic()
        try:
            told, begin_ms = asyncio.run(_served(fault, self, when))
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            raise FaultError(f"{self.url}: {exc}; is `tacit serve` running there?") from exc
        outcome = judge(fault, told, begin_ms, begin_ms + when.for_s * 1000)
        return _verdict(fault, outcome, began_s)


async def _served(fault: SensorFault, address: Server, when: When) -> tuple[list[Told], float]:
    headers = {"Authorization": f"Bearer {address.token}"} if address.token else {}
    limit = aiohttp.ClientTimeout(total=None, sock_connect=10)
    async with aiohttp.ClientSession(address.url, headers=headers, timeout=limit) as http:
        name, own = await _session(http, address)
        path = f"/api/sessions/{name}"
        async with http.ws_connect("/ws", params={"session": name}) as socket:
            told: list[Told] = []
            began_s = time.monotonic()
            listening = asyncio.create_task(_listen(socket, told, began_s))
            try:
                await asyncio.sleep(when.at_s)
                begin_ms = (time.monotonic() - began_s) * 1000
                body = {"modality": fault.modality, "kind": fault.kind, "seconds": when.for_s}
                await _ask(http, "POST", f"{path}/inject", body)
                await asyncio.sleep(when.for_s + AFTER_S)
                if own:
                    await _ask(http, "DELETE", path)
                    await asyncio.sleep(1.0)
            finally:
                listening.cancel()
        return told, begin_ms


async def _session(http: aiohttp.ClientSession, address: Server) -> tuple[str, bool]:
    """The session to break, and whether it was begun for this."""
    listed = (await _ask(http, "GET", "/api/sessions"))["sessions"]
    live = [s["session_id"] for s in listed if s["state"] != "ended"]
    if address.session:
        if address.session not in live:
            raise FaultError(f"--session {address.session}: runs not; there are {live or 'none'}")
        return address.session, False
    if len(live) > 1:
        raise FaultError(f"{address.url} runs several sessions: choose one with --session: {live}")
    if live:
        return live[0], False
    made = await _ask(http, "POST", "/api/sessions", {"source": "sample", "loop": "true"})
    return str(made["session_id"]), True


async def _ask(
    http: aiohttp.ClientSession, method: str, path: str, body: Any = None
) -> dict[str, Any]:
    async with http.request(method, path, json=body) as answer:
        if answer.status == 204:
            return {}
        fields: dict[str, Any] = await answer.json()
        if answer.status >= 400:
            raise FaultError(str(fields["error"]["message"]))
        return fields


async def _listen(
    socket: aiohttp.ClientWebSocketResponse, told: list[Told], began_s: float
) -> None:
    async for message in socket:
        if message.type != aiohttp.WSMsgType.TEXT:
            return
        if json.loads(message.data).get("v") == 1 and '"seq"' in message.data:
            at_ms = (time.monotonic() - began_s) * 1000
            told.append(Told(at_ms, read_event(message.data)))
