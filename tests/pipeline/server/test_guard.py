"""Who may ask, over real HTTP."""

import asyncio

import pytest

from tacit.pipeline.server.errors import ApiError
from tacit.pipeline.server.guard import Pace
from tests.fakes.served import Client, idle, serving


def test_pages_of_other_sites_are_refused() -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            for origin in ("https://evil.example", "http://127.0.0.1:1", "null"):
                status, body = await client.call("GET", "/api/info", headers={"Origin": origin})
                assert (status, body["error"]["code"]) == (403, "forbidden_origin")
                assert origin in body["error"]["message"]
            status, _ = await client.call("GET", "/api/info", headers={"Origin": client.origin})
            assert status == 200

    asyncio.run(run())


def test_another_name_for_this_machine_is_refused() -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            status, body = await client.call(
                "GET", "/", headers={"Host": f"evil.example:{client.port}"}
            )
            assert (status, body["error"]["code"]) == (403, "forbidden_origin")

    asyncio.run(run())


def test_where_a_token_is_needed_nothing_but_health_is_told_without_it() -> None:
    async def run() -> None:
        async with serving(idle(), token="s3cret") as client:
            for path in ("/", "/api/info", "/api/sessions", "/metrics", "/ws", "/static/a.js"):
                status, body = await client.call("GET", path)
                assert (status, body["error"]["code"]) == (403, "token_needed")
            status, _ = await client.call("GET", "/api/info?token=wrong")
            assert status == 403
            for way in (
                {"params": {"token": "s3cret"}},
                {"headers": {"Authorization": "Bearer s3cret"}},
                {"cookies": {"tacit_token": "s3cret"}},
            ):
                assert (await client.call("GET", "/api/info", **way))[0] == 200
            assert (await client.call("GET", "/health"))[0] == 200

    asyncio.run(run())


def test_every_answer_forbids_inline_scripts_and_other_hosts() -> None:
    async def run(client: Client, path: str) -> None:
        async with client.http.get(path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self';" in policy
            assert "unsafe-inline" not in policy.partition("style-src")[0]
            assert response.headers["X-Content-Type-Options"] == "nosniff"

    async def all_of_them() -> None:
        async with serving(idle()) as client:
            for path in ("/", "/health", "/nothing", "/api/sessions"):
                await run(client, path)

    asyncio.run(all_of_them())


def test_pages_that_the_operator_named_may_read_answers() -> None:
    async def run() -> None:
        friend = "https://calls.example"
        async with serving(idle(), origins=(friend,)) as client:
            headers = {"Origin": friend, "Access-Control-Request-Method": "POST"}
            async with client.http.options("/whip", headers=headers) as response:
                assert response.status == 204
                assert response.headers["Access-Control-Allow-Origin"] == friend
            async with client.http.get("/api/info", headers={"Origin": friend}) as response:
                assert response.headers["Access-Control-Allow-Origin"] == friend
                assert "Location" in response.headers["Access-Control-Expose-Headers"]
            async with client.http.get("/api/info") as response:
                assert "Access-Control-Allow-Origin" not in response.headers

    asyncio.run(run())


def test_unknown_paths_and_methods_are_json_errors() -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            assert (await client.call("GET", "/nothing"))[1]["error"]["code"] == "not_found"
            status, body = await client.call("PATCH", "/whip/x")
            assert (status, body["error"]["code"]) == (405, "wrong_method")

    asyncio.run(run())


def test_starts_are_paced_by_the_minute() -> None:
    pace = Pace(3)
    for now_s in (0.0, 1.0, 2.0):
        pace.take(now_s)
    with pytest.raises(ApiError) as refused:
        pace.take(30.0)
    assert refused.value.retry_s == 30
    pace.take(61.0)
