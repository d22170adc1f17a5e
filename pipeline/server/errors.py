"""Errors as the API gives them: a code for programs, a sentence for people."""

from typing import Final

from aiohttp import web

STATUS: Final = {
    "bad_request": 400,
    "bad_sdp": 400,
    "bad_media": 400,
    "token_needed": 403,
    "forbidden_origin": 403,
    "recording_off": 403,
    "not_local": 403,
    "purpose_needed": 403,
    "purpose_refused": 403,
    "consent_needed": 403,
    "unknown_session": 404,
    "not_found": 404,
    "wrong_method": 405,
    "too_slow": 408,
    "participant_present": 409,
    "too_large": 413,
    "wrong_type": 415,
    "too_many_sessions": 429,
    "too_many_requests": 429,
    "starting": 503,
    "failed": 503,
    "recording_failed": 507,
}


class ApiError(Exception):
    """A request that is refused.

    Attributes:
        code: a key of `STATUS`.
        message: one sentence that says what to do.
        retry_s: when to try again, where that helps.
    """

    def __init__(self, code: str, message: str, retry_s: int | None = None) -> None:
        super().__init__(message)
        self.code: Final = code
        self.message: Final = message
        self.retry_s: Final = retry_s

    def response(self) -> web.Response:
        """As the answer to a request."""
        headers = {} if self.retry_s is None else {"Retry-After": str(self.retry_s)}
        return web.json_response(
            {"error": self.fields()}, status=STATUS[self.code], headers=headers
        )

    def fields(self) -> dict[str, str]:
        """Code and message."""
        return {"code": self.code, "message": self.message}
