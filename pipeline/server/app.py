"""Puts the server together."""

from importlib.metadata import version
from typing import Any

from aiohttp import web

from ...models.features import MODALITIES
from ...models.labels import EMOTIONS
from ...stream.limits import MAX_JSON_BYTES, MAX_OFFER_BYTES, MAX_UPLOAD_BYTES
from ...stream.mediafile import probe
from ...stream.packet import NS_PER_MS
from ..consent import EXCEPTIONS, PURPOSES
from ..live.damage import LIVE_KINDS
from ..telemetry import CONTENT_TYPE
from . import devices, files, sessions, sockets, whip
from .desk import DESK, Desk
from .guard import Access, guard

ACCESS = web.AppKey("access", Access)


def make_app(desk: Desk, access: Access) -> web.Application:
    """The server's application.

    Args:
        desk: opens and ends sessions.
        access: who may ask.
    """
    app = web.Application(
        middlewares=[guard(access, desk.telemetry.refused)],
        client_max_size=MAX_JSON_BYTES,
    )
    app[DESK] = desk
    app[ACCESS] = access
    app.add_routes(
        [
            web.get("/", files.index),
            web.get("/static/{path:.+}", files.static),
            web.get("/vendor/plotly.js", files.plotly),
            web.get("/media/sample.mp4", files.sample),
            web.get("/health", health),
            web.get("/ready", ready),
            web.get("/metrics", metrics),
            web.get("/api/info", info),
            web.get("/api/devices", devices.list_devices),
            web.get("/api/sessions", sessions.list_sessions),
            web.post("/api/sessions", sessions.start_session),
            web.get("/api/sessions/{id}", sessions.show_session),
            web.delete("/api/sessions/{id}", sessions.stop_session),
            web.post("/api/sessions/{id}/withdraw", sessions.withdraw),
            web.post("/api/sessions/{id}/inject", sessions.inject),
            web.delete("/api/sessions/{id}/inject", sessions.mend),
            web.delete("/api/sessions/{id}/inject/{modality}", sessions.mend),
            web.post("/whip", whip.start),
            web.delete("/whip/{id}", whip.end),
            web.get("/ws", sockets.web_socket),
        ]
    )
    app.on_startup.append(_begin)
    app.on_shutdown.append(_close)
    return app


async def health(request: web.Request) -> web.Response:
    """GET /health: the process lives."""
    return web.json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """GET /ready: sessions can be opened."""
    engine = request.app[DESK].engine
    if engine.ready:
        return web.json_response({"status": "ready"})
    status = "degraded" if engine.failure else "starting"
    detail = engine.failure or "the models are being loaded"
    return web.json_response({"status": status, "detail": detail}, status=503)


async def metrics(request: web.Request) -> web.Response:
    """GET /metrics: figures for Prometheus."""
    text = request.app[DESK].telemetry.text()
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})


async def info(request: web.Request) -> web.Response:
    """GET /api/info: what this server is and can."""
    desk = request.app[DESK]
    engine, identity = desk.engine, desk.engine.identity
    settings = engine.settings
    missing = engine.plan.disabled.get("text")
    own = ["device"] if devices.may_use_devices(request, desk) else []
    fields: dict[str, Any] = {
        "version": version("tacit"),
        "ready": engine.ready,
        "token_needed": bool(request.app[ACCESS].token),
        "ice_servers": [{"urls": url} for url in desk.options.ice_servers],
        "window_ms": settings.windows.grid.window_ns // NS_PER_MS,
        "hop_ms": settings.windows.hop_ms,
        "modalities": list(MODALITIES),
        "emotions": list(EMOTIONS),
        "text": {
            "enabled": missing is None,
            "reason": missing,
            "remedy": None if missing is None else "tacit models pull whisper-base",
        },
        "purposes": [
            {"code": p.code, "label": p.label, "needs_exception": p.needs_exception}
            for p in PURPOSES
        ],
        "exceptions": list(EXCEPTIONS),
        "sources": ["webrtc", "sample", "upload", *own],
        "injections": [{"modality": m, "kinds": list(kinds)} for m, kinds in LIVE_KINDS.items()],
        "sample": {"url": "/media/sample.mp4", "duration_ms": _sample_ms()},
        "recording": desk.recordings.as_json(),
        "limits": {
            "sessions": desk.options.sessions,
            "upload_bytes": MAX_UPLOAD_BYTES,
            "offer_bytes": MAX_OFFER_BYTES,
        },
        "events_endpoint": engine.events_endpoint,
        "model": None if identity is None else {"id": identity.id, "sha256": identity.sha256},
    }
    return web.json_response(fields)


def _sample_ms() -> int:
    import importlib.resources

    with importlib.resources.as_file(files.SAMPLE) as path:
        return probe(path).duration_ns // NS_PER_MS


async def _begin(app: web.Application) -> None:
    await app[DESK].begin()


async def _close(app: web.Application) -> None:
    await app[DESK].close()
