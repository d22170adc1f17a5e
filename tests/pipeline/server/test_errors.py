import json

import pytest

from tacit.pipeline.server.errors import STATUS, ApiError


@pytest.mark.parametrize("code", STATUS)
def test_every_code_has_a_status_and_a_sentence(code: str) -> None:
    response = ApiError(code, "Do this instead").response()
    assert 400 <= response.status < 600
    assert isinstance(response.body, bytes)
    assert json.loads(response.body) == {"error": {"code": code, "message": "Do this instead"}}
    assert "Retry-After" not in response.headers


def test_an_error_can_say_when_to_try_again() -> None:
    assert ApiError("too_many_sessions", "Wait", 10).response().headers["Retry-After"] == "10"
