"""Sessions on the server machine's own camera and microphone, for callers on that machine only."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from ...models.features import Modality
from ..consent import Terms
from ..live.devices import DEVICE_LOST, DeviceSource
from ..live.engine import LiveEngine, Opening
from .book import Served
from .desk import DESK, Desk
from .errors import ApiError

FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
_FIELDS: Final[Mapping[str, Modality]] = {"video": "face", "audio": "audio"}
_OFF: Final = "switched_off"


class _Reports:
    """Tells a session what becomes of its devices."""

    def __init__(self, engine: LiveEngine, session_id: str) -> None:
        self._engine, self._session_id = engine, session_id

    def device_failed(self, modality: Modality, detail: str) -> None:
        """A device is gone; it is looked for."""
        self._engine.source_failed(self._session_id, modality, DEVICE_LOST, detail)


def may_use_devices(request: web.Request, desk: Desk) -> bool:
    """Whether a caller is on this machine, and no page of another site."""
    own = (None, f"http://{request.host}", f"https://{request.host}")
    near = request.remote in ("127.0.0.1", "::1") and request.headers.get("Origin") in own
    return desk.options.local and near and not any(name in request.headers for name in FORWARDED)


async def list_devices(request: web.Request) -> web.Response:
    """GET /api/devices: cameras and microphones of the server's machine, by name."""
    desk = request.app[DESK]
    _check(request, desk)
    return web.json_response(await desk.finder.look())


async def start_on_devices(request: web.Request, terms: Terms, fields: Mapping[str, Any]) -> Served:
    """Start a session on devices of this machine.

    Args:
        request: who asks.
        terms: of the session.
        fields: `video` and `audio` name devices; what is left out or empty takes no part.

    Raises:
        ApiError: it is not asked for from here, or names no device that is here.
    """
    desk = request.app[DESK]
    _check(request, desk)
    known = (await desk.finder.look())["devices"]
    devices: dict[Modality, str] = {}
    for field, modality in _FIELDS.items():
        name = fields.get(field)
        if not name:
            continue
        if {"kind": field, "name": name} not in known:
            names = ", ".join(repr(d["name"]) for d in known if d["kind"] == field) or "none"
            what = "camera" if field == "video" else "microphone"
            raise ApiError("bad_request", f"There is no {what} {name!r} here; there is: {names}")
        devices[modality] = name
    if not devices:
        raise ApiError("bad_request", "Choose a camera or a microphone: video=NAME, audio=NAME")
    absent: dict[Modality, str] = {m: _OFF for m in _FIELDS.values() if m not in devices}
    if "audio" in absent:
        absent["text"] = _OFF
    inject = str(fields.get("inject") or "")
    opening = Opening(terms.participant, "device", absent, inject, terms=terms)
    served = await desk.open(terms, opening, fields)
    served.lasts = True
    # A page that was killed cannot stop the camera that it started.
    served.needs_viewer = "Origin" in request.headers
    reports = _Reports(desk.engine, served.handle.session_id)
    source = DeviceSource(served.handle, devices, desk.engine.settings, reports)

    async def stop() -> None:
        await asyncio.to_thread(source.close)

    served.stop = stop
    source.start()
    return served


def _check(request: web.Request, desk: Desk) -> None:
    if not may_use_devices(request, desk):
        raise ApiError(
            "not_local",
            "Camera and microphone of the computer that runs Tacit are lent to callers on that "
            "computer only; open the page there",
        )
