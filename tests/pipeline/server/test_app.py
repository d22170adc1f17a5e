import asyncio

from tacit.models.labels import EMOTIONS
from tests.fakes.served import idle, serving


def test_a_server_that_still_loads_lives_but_is_not_ready() -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            assert await client.call("GET", "/health") == (200, {"status": "ok"})
            status, body = await client.call("GET", "/ready")
            assert (status, body["status"]) == (503, "starting")

    asyncio.run(run())


def test_a_server_whose_workers_failed_says_why() -> None:
    async def run() -> None:
        broken = idle()
        broken.engine.failure = "face worker: exit code 3: no checkpoint"
        async with serving(broken) as client:
            status, body = await client.call("GET", "/ready")
            assert (status, body["status"]) == (503, "degraded")
            assert "no checkpoint" in body["detail"]

    asyncio.run(run())


def test_what_the_server_can_is_told() -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            status, info = await client.call("GET", "/api/info")
            assert status == 200
            assert info["emotions"] == list(EMOTIONS)
            assert info["ready"] is False
            assert info["ice_servers"] == []
            assert (info["window_ms"], info["hop_ms"]) == (3000, 500)
            assert info["text"]["enabled"] is False
            assert info["text"]["remedy"]
            needy = [p["code"] for p in info["purposes"] if p["needs_exception"]]
            assert needy == ["workplace", "education"]
            assert info["sample"]["duration_ms"] > 5000
            assert info["limits"]["sessions"] == 4

    asyncio.run(run())


def test_figures_are_in_the_format_of_prometheus() -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            await client.call("GET", "/api/info", headers={"Origin": "https://evil.example"})
            async with client.http.get("/metrics") as response:
                assert response.content_type == "text/plain"
                text = await response.text()
            assert "tacit_sessions 0.0" in text
            assert "tacit_ready 0.0" in text
            assert 'tacit_refused_requests_total{code="forbidden_origin"} 1.0' in text

    asyncio.run(run())
