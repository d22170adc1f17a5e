"""What the page is made of: files of this package, and plotly's script out of its own wheel."""

import hashlib
import importlib.resources
import importlib.util
import mimetypes
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Final

from aiohttp import web

STATIC: Final = importlib.resources.files("tacit.pipeline") / "web" / "static"
SAMPLE: Final = importlib.resources.files("tacit.pipeline") / "assets" / "sample.mp4"
TYPES: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".ts": "text/plain",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".woff2": "font/woff2",
}


def plotly_script() -> Path | None:
    """The script in plotly's wheel, without importing plotly; None where it is not installed."""
    spec = importlib.util.find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        return None
    script = Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js"
    return script if script.is_file() else None


async def index(request: web.Request) -> web.StreamResponse:
    """The page."""
    response = _file(request, STATIC / "index.html")
    token = request.query.get("token")
    if token:
        # The page's own scripts and styles are asked for without the query.
        response.set_cookie("tacit_token", token, httponly=True, samesite="Strict")
    return response


async def static(request: web.Request) -> web.StreamResponse:
    """One file of the page."""
    parts = PurePosixPath(request.match_info["path"]).parts
    if any(part in ("..", ".", "/") or part.startswith(".") for part in parts):
        raise web.HTTPNotFound
    file = STATIC.joinpath(*parts)
    if PurePosixPath(parts[-1]).suffix not in TYPES:
        raise web.HTTPNotFound
    return _file(request, file)


async def plotly(request: web.Request) -> web.StreamResponse:
    """Plotly's script."""
    script = plotly_script()
    if script is None:
        raise web.HTTPNotFound
    headers = {"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "no-cache"}
    return web.FileResponse(script, headers=headers)


async def sample(request: web.Request) -> web.StreamResponse:
    """The bundled sample, to be seen beside its reading."""
    with importlib.resources.as_file(SAMPLE) as path:
        return web.FileResponse(path, headers={"Content-Type": "video/mp4"})


def _file(request: web.Request, file: Traversable) -> web.Response:
    try:
        body = file.read_bytes()
    except (OSError, ValueError) as exc:
        raise web.HTTPNotFound from exc
    tag = hashlib.sha256(body).hexdigest()[:24]
    headers = {"ETag": f'"{tag}"', "Cache-Control": "no-cache"}
    if request.headers.get("If-None-Match") == f'"{tag}"':
        return web.Response(status=304, headers=headers)
    kind = TYPES.get(PurePosixPath(file.name).suffix) or mimetypes.guess_type(file.name)[0]
    charset = "utf-8" if (kind or "").startswith("text/") else None
    return web.Response(body=body, content_type=kind, charset=charset, headers=headers)
