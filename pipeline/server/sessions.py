"""Sessions over HTTP: list, start on a file, break and mend sensors, stop, withdraw consent."""

import asyncio
import importlib.resources
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from aiohttp import web

from ...stream.errors import StreamError
from ...stream.limits import BODY_S, MAX_JSON_BYTES, MAX_UPLOAD_BYTES
from ...stream.packet import MODALITIES, Modality
from ...stream.player import FilePlayer
from ..consent import ConsentError, Terms
from ..inject import InjectError
from ..live.engine import Opening
from ..live.session import LiveSession
from .book import Served, injected_json
from .desk import DESK, Desk
from .devices import start_on_devices
from .errors import ApiError
from .files import SAMPLE

UPLOAD_STALL_S: Final = 10.0
_TERM_NAMES: Final = ("participant", "purpose", "consent", "exception", "reason")


def terms_of(fields: Mapping[str, Any], desk: Desk, *, trusted: bool) -> Terms:
    """The terms that a request states.

    Args:
        fields: query or JSON.
        desk: gives what a program on this machine need not say.
        trusted: whether that is who asks.

    Raises:
        ApiError: something is missing or prohibited.
    """
    stated = {name: str(fields[name]) for name in _TERM_NAMES if fields.get(name)}
    if trusted:
        stated = {**desk.options.own_terms, **stated}
    try:
        return Terms(
            stated.get("participant", "p1"),
            stated.get("purpose", ""),
            stated.get("consent", ""),
            stated.get("exception", ""),
            stated.get("reason", ""),
        )
    except ConsentError as exc:
        raise ApiError(exc.code, str(exc)) from exc


def is_own_program(request: web.Request) -> bool:
    """Whether a program on this machine asks, rather than a page or another machine.

    A browser states the origin of whoever asks with every POST; who runs programs here runs the
    server as well, and answers for the consent of those whom they test it with.
    """
    return "Origin" not in request.headers and request.remote in ("127.0.0.1", "::1")


async def list_sessions(request: web.Request) -> web.Response:
    """GET /api/sessions."""
    desk = request.app[DESK]
    return web.json_response({"sessions": [served.as_json() for served in desk.book.all]})


async def show_session(request: web.Request) -> web.Response:
    """GET /api/sessions/{id}."""
    return web.json_response(_served(request).as_json())


async def start_session(request: web.Request) -> web.Response:
    """POST /api/sessions: on the sample, on devices of this machine, or on an uploaded file."""
    desk = request.app[DESK]
    if request.query.get("source") == "upload":
        return await _start_upload(request, desk)
    fields = await read_json(request)
    terms = terms_of(fields, desk, trusted=is_own_program(request))
    if fields.get("source") == "device":
        return _created(await start_on_devices(request, terms, fields))
    if fields.get("source") != "sample":
        known = 'source: "sample", "device", or ?source=upload with a file as the body'
        raise ApiError("bad_request", known)
    with importlib.resources.as_file(SAMPLE) as path:
        served = await _play(desk, terms, "sample", path, fields)
    return _created(served)


async def stop_session(request: web.Request) -> web.Response:
    """DELETE /api/sessions/{id}."""
    await request.app[DESK].stop(_served(request))
    return web.Response(status=204)


async def withdraw(request: web.Request) -> web.Response:
    """POST /api/sessions/{id}/withdraw."""
    deleted = await request.app[DESK].withdraw(_served(request))
    return web.json_response({"deleted": deleted})


async def inject(request: web.Request) -> web.Response:
    """POST /api/sessions/{id}/inject."""
    served = _served(request)
    await inject_into(request.app[DESK], served, await read_json(request))
    return web.json_response({"injected": [injected_json(i) for i in served.injected]})


async def mend(request: web.Request) -> web.Response:
    """DELETE /api/sessions/{id}/inject[/{modality}]."""
    served = _served(request)
    await mend_in(request.app[DESK], served, request.match_info.get("modality"))
    return web.json_response({"injected": [injected_json(i) for i in served.injected]})


async def inject_into(desk: Desk, served: Served, fields: Mapping[str, Any]) -> None:
    """Break a sensor of a session.

    Raises:
        ApiError: what was asked does not fit, or the session has ended.
    """
    modality, kind = fields.get("modality"), fields.get("kind")
    if modality not in MODALITIES or not isinstance(kind, str):
        raise ApiError("bad_request", "Give modality (face, audio or text) and kind")
    numbers = {}
    for name in ("seconds", "value"):
        number = fields.get(name)
        if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)):
            raise ApiError("bad_request", f"{name} must be a number")
        numbers[name] = number

    def do(session: LiveSession) -> None:
        session.damage.inject(cast("Modality", modality), kind, session.now_ns, **numbers)

    await _on_session(desk, served, do)


async def mend_in(desk: Desk, served: Served, modality: str | None) -> None:
    """Undo damage to a session's sensors.

    Raises:
        ApiError: no such modality, or the session has ended.
    """
    if modality is not None and modality not in MODALITIES:
        raise ApiError("bad_request", f"modality must be one of {', '.join(MODALITIES)}")
    await _on_session(desk, served, lambda session: session.damage.mend(modality))


async def read_json(request: web.Request) -> dict[str, Any]:
    """A request's body as a JSON object.

    Raises:
        ApiError: it is none, is too large or too slow.
    """
    body = await read_body(request, MAX_JSON_BYTES)
    try:
        fields = json.loads(body or b"{}")
    except (ValueError, RecursionError) as exc:
        raise ApiError("bad_request", "The body is not JSON") from exc
    if not isinstance(fields, dict):
        raise ApiError("bad_request", "The body is not a JSON object")
    return fields


async def read_body(request: web.Request, most: int) -> bytes:
    """A request's whole body.

    Raises:
        ApiError: it is too large or too slow.
    """
    if (request.content_length or 0) > most:
        raise ApiError("too_large", f"At most {most} bytes are taken here")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while chunk := await request.content.read(65_536):
                body += chunk
                if len(body) > most:
                    raise ApiError("too_large", f"At most {most} bytes are taken here")
    except TimeoutError as exc:
        raise ApiError("too_slow", f"The request took longer than {BODY_S:.0f} s") from exc
    return bytes(body)


async def _on_session(desk: Desk, served: Served, do: Any) -> None:
    def run(session: LiveSession) -> Any:
        do(session)
        return session.damage.active(session.now_ns)

    try:
        future = desk.engine.ask(served.handle.session_id, run)
        served.injected = await asyncio.wrap_future(future)
    except KeyError as exc:
        raise ApiError("unknown_session", "This session has ended; start another one") from exc
    except InjectError as exc:
        raise ApiError("bad_request", str(exc)) from exc


async def _start_upload(request: web.Request, desk: Desk) -> web.Response:
    terms = terms_of(request.query, desk, trusted=is_own_program(request))
    if (request.content_length or 0) > MAX_UPLOAD_BYTES:
        raise ApiError("too_large", f"At most {MAX_UPLOAD_BYTES >> 20} MiB can be uploaded")
    descriptor, name = tempfile.mkstemp(prefix="tacit-upload-")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            await _receive(request, file)
        served = await _play(desk, terms, "upload", path, request.query, delete=True)
    except BaseException:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        raise
    return _created(served)


async def _receive(request: web.Request, file: Any) -> None:
    size = 0
    while True:
        try:
            chunk = await asyncio.wait_for(request.content.read(1 << 18), UPLOAD_STALL_S)
        except TimeoutError as exc:
            raise ApiError("too_slow", "The upload stopped; try again") from exc
        if not chunk:
            return
        size += len(chunk)
        if size > MAX_UPLOAD_BYTES:
            raise ApiError("too_large", f"At most {MAX_UPLOAD_BYTES >> 20} MiB can be uploaded")
        await asyncio.to_thread(file.write, chunk)


async def _play(
    desk: Desk,
    terms: Terms,
    source: str,
    path: Path,
    fields: Mapping[str, Any],
    *,
    delete: bool = False,
) -> Served:
    """Start a session on a file."""
    inject_spec = str(fields.get("inject") or "")
    loop = str(fields.get("loop", "")).lower() in ("true", "1")
    opening = Opening(terms.participant, source, inject=inject_spec, terms=terms)
    served = await desk.open(terms, opening, fields)
    handle = served.handle

    def on_end() -> None:
        handle.end("end")
        if delete:
            path.unlink(missing_ok=True)

    try:
        player = await asyncio.to_thread(FilePlayer, path, handle, loop=loop, on_end=on_end)
    except StreamError as exc:
        handle.end("error")
        raise ApiError("bad_media", str(exc).replace(str(path), "The file")) from exc

    async def stop() -> None:
        player.stop()

    served.stop = stop
    player.start()
    return served


def _served(request: web.Request) -> Served:
    served = request.app[DESK].book.get(request.match_info["id"])
    if served is None:
        raise ApiError("unknown_session", "There is no such session; see GET /api/sessions")
    return served


def _created(served: Served) -> web.Response:
    location = f"/api/sessions/{served.handle.session_id}"
    return web.json_response(served.as_json(), status=201, headers={"Location": location})
