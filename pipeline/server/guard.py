"""Who may ask: origin, host and token; and the headers that every answer carries."""

import hmac
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from .errors import ApiError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
OPEN_PATHS: Final = frozenset({"/health", "/ready"})
"""Paths that tell nothing about people, for whoever looks after the machine."""
CORS_EXPOSED: Final = "Location, Tacit-Session"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask.

    Attributes:
        hosts: values of the Host header that are this server.
        origins: pages that may use it: its own, and those the operator named.
        token: what every caller must show; empty on loopback.
    """

    hosts: frozenset[str]
    origins: frozenset[str]
    token: str = ""


class Pace:
    """Allows so many starts a minute.

    Args:
        most: starts in any 60 s.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._starts: deque[float] = deque()

    def take(self, now_s: float | None = None) -> None:
        """Count a start.

        Raises:
            ApiError: too many.
        """
        now_s = time.monotonic() if now_s is None else now_s
        while self._starts and now_s - self._starts[0] > 60:
            self._starts.popleft()
        if len(self._starts) >= self._most:
            wait_s = max(1, round(60 - (now_s - self._starts[0])))
            raise ApiError(
                "too_many_requests", f"Too many sessions were started; wait {wait_s} s", wait_s
            )
        self._starts.append(now_s)


def check_access(request: web.Request, access: Access) -> None:
    """Let a request pass or not.

    Raises:
        ApiError: it comes from elsewhere, or shows no token.
    """
    if request.host not in access.hosts:
        # A page of another site can point its own name at this machine (DNS rebinding).
        raise ApiError(
            "forbidden_origin", f"This server is not {request.host}; open {_own(access)}"
        )
    origin = request.headers.get("Origin")
    if origin is not None and origin not in access.origins:
        raise ApiError(
            "forbidden_origin",
            f"The page {origin} may not use this server; start it with --origin {origin}",
        )
    if access.token and request.path not in OPEN_PATHS and not _has_token(request, access.token):
        raise ApiError(
            "token_needed", "Open the address that tacit serve printed: it carries the token"
        )


def _own(access: Access) -> str:
    return min(access.origins, default="the address that tacit serve printed")


def _has_token(request: web.Request, token: str) -> bool:
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    given = shown if scheme.lower() == "bearer" else request.query.get("token", "")
    given = given or request.cookies.get("tacit_token", "")
    return hmac.compare_digest(given.encode(), token.encode())


def guard(access: Access, refused: Callable[[str], None]) -> Middleware:
    """Middleware: checks access, turns errors into JSON, puts headers on.

    Args:
        access: who may ask.
        refused: told the code of each request that is refused.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            check_access(request, access)
            if request.method == "OPTIONS":
                response: web.StreamResponse = web.Response(status=204)
            else:
                response = await handler(request)
        except ApiError as exc:
            refused(exc.code)
            response = exc.response()
        except web.HTTPException as exc:
            response = _from_aiohttp(exc)
        except (ConnectionError, TimeoutError):
            raise
        except Exception:
            log.exception("%s %s", request.method, request.path)
            response = ApiError("failed", "Something went wrong here; see the log").response()
        if not response.prepared:
            _put_headers(request, response)
        return response

    return middleware


def _from_aiohttp(error: web.HTTPException) -> web.StreamResponse:
    if error.status < 400:
        return error
    code = {404: "not_found", 405: "wrong_method", 413: "too_large"}.get(
        error.status, "bad_request"
    )
    answer = ApiError(code, f"{error.reason}: see docs/server.md for what there is").response()
    if "Allow" in error.headers:
        answer.headers["Allow"] = error.headers["Allow"]
    return answer


def _put_headers(request: web.Request, response: web.StreamResponse) -> None:
    host = request.host
    response.headers.update(
        {
            "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
            "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
            f"media-src 'self' blob:; connect-src 'self' ws://{host} wss://{host}; "
            "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Permissions-Policy": "camera=(self), microphone=(self)",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
    )
    response.headers.setdefault("Cache-Control", "no-store")
    origin = request.headers.get("Origin")
    if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
        response.headers.update(
            {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Methods": "GET, POST, DELETE",
                "Access-Control-Allow-Headers": "Authorization, Content-Type",
                "Access-Control-Expose-Headers": CORS_EXPOSED,
                "Vary": "Origin",
            }
        )
