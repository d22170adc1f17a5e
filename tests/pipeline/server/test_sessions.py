"""Sessions on files, over real HTTP, with real workers."""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tacit.pipeline.server import sessions
from tests.fakes.media import write_both
from tests.fakes.peers import until
from tests.fakes.served import TERMS, Running, idle, messages, running, serving

__all__ = ["running"]

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

SAMPLE = {"source": "sample", **TERMS}


def uploads() -> list[str]:
    return [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("tacit-upload-")]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"no json", 400, "bad_request"),
        (b"[]", 400, "bad_request"),
        (b"[" * 10_000, 400, "bad_request"),
        (b'{"source":"camera"}', 400, "bad_request"),
        (b'{"source":"sample","purpose":"education"}', 403, "purpose_refused"),
        (b'{"a":"' + b"x" * 20_000 + b'"}', 413, "too_large"),
        (b'{"source":"sample"}', 503, "starting"),
    ],
)
def test_bad_requests_are_refused_with_a_sentence(body: bytes, status: int, code: str) -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            got, answer = await client.call("POST", "/api/sessions", data=body)
            assert (got, answer["error"]["code"]) == (status, code)
            assert len(answer["error"]["message"]) > 10

    asyncio.run(run())


def test_unknown_sessions_are_named_so() -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            for method, path in (
                ("GET", "/api/sessions/x"),
                ("DELETE", "/api/sessions/x"),
                ("POST", "/api/sessions/x/inject"),
                ("POST", "/api/sessions/x/withdraw"),
            ):
                got, answer = await client.call(method, path)
                assert (got, answer["error"]["code"]) == (404, "unknown_session")

    asyncio.run(run())


def test_the_sample_is_read_broken_mended_and_stopped(running: Running) -> None:
    async def run() -> None:
        async with serving(running) as client, client.http.ws_connect("/ws") as socket:
            status, made = await client.call("POST", "/api/sessions", json=SAMPLE)
            assert status == 201
            where = f"/api/sessions/{made['session_id']}"
            (ready,) = await messages(socket, "session.ready", 1)
            assert ready["session_id"] == made["session_id"]
            assert ready["source"] == "sample"
            assert ready["anchor_utc"]
            await messages(socket, "measurement.result", 2)
            broken = {"modality": "face", "kind": "black"}
            status, answer = await client.call("POST", f"{where}/inject", json=broken)
            assert (status, [i["kind"] for i in answer["injected"]]) == (200, ["black"])
            async with asyncio.timeout(60):
                while True:
                    (health,) = await messages(socket, "sensor.health", 1)
                    if (health["modality"], health["reason"]) == ("face", "black"):
                        break
            status, shown = await client.call("GET", where)
            assert shown["state"] == "live"
            assert shown["purpose"] == "demo"
            status, answer = await client.call("DELETE", f"{where}/inject/face")
            assert (status, answer["injected"]) == (200, [])
            assert (await client.call("DELETE", where))[0] == 204
            await messages(socket, "session.closed", 1)
            status, answer = await client.call("POST", f"{where}/inject", json=broken)
            assert (status, answer["error"]["code"]) == (404, "unknown_session")
            assert (await client.call("DELETE", where))[0] == 204
            _, listed = await client.call("GET", "/api/sessions")
            assert made["session_id"] in [s["session_id"] for s in listed["sessions"]]

    asyncio.run(run())


def test_withdrawing_consent_stops_and_deletes(running: Running) -> None:
    async def run() -> None:
        async with serving(running) as client, client.http.ws_connect("/ws") as socket:
            _, made = await client.call("POST", "/api/sessions", json={**SAMPLE, "loop": True})
            where = f"/api/sessions/{made['session_id']}"
            await messages(socket, "measurement.result", 1)
            status, answer = await client.call("POST", f"{where}/withdraw")
            assert status == 200
            assert {"events", "results"} <= set(answer["deleted"])
            assert (await client.call("GET", where))[0] == 404
            assert (await client.call("POST", f"{where}/withdraw"))[0] == 404
            async with client.http.ws_connect("/ws") as late:
                assert (await late.receive_json(timeout=20))["sessions"] == []

    asyncio.run(run())


@pytest.mark.parametrize(
    "injected",
    [
        {},
        {"modality": "face"},
        {"modality": "smell", "kind": "drop"},
        {"modality": "face", "kind": "mute"},
        {"modality": "face", "kind": "freeze", "seconds": "long"},
        {"modality": "face", "kind": "freeze", "seconds": True},
        {"modality": "audio", "kind": "clip", "value": -1},
    ],
)
def test_damage_that_does_not_fit_is_refused(running: Running, injected: dict[str, Any]) -> None:
    async def run() -> None:
        async with serving(running) as client:
            _, made = await client.call("POST", "/api/sessions", json=SAMPLE)
            where = f"/api/sessions/{made['session_id']}"
            status, answer = await client.call("POST", f"{where}/inject", json=injected)
            assert (status, answer["error"]["code"]) == (400, "bad_request")
            await client.call("DELETE", where)

    asyncio.run(run())


def test_an_upload_is_read_and_deleted(running: Running, tmp_path: Path) -> None:
    clip = write_both(tmp_path / "clip.mkv", 2)
    before = uploads()

    async def run() -> None:
        async with serving(running) as client, client.http.ws_connect("/ws") as socket:
            status, made = await client.call(
                "POST",
                "/api/sessions",
                params={"source": "upload", **TERMS},
                data=clip.read_bytes(),
            )
            assert status == 201
            (closed,) = await messages(socket, "session.closed", 1)
            assert closed["session_id"] == made["session_id"]
            assert closed["windows"] >= 3
            await until(lambda: uploads() == before, 10)

    asyncio.run(run())


def test_an_upload_that_is_no_media_is_refused_and_deleted(running: Running) -> None:
    before = uploads()

    async def run() -> None:
        async with serving(running) as client:
            for body in (b"", b"text, not film", os.urandom(5000)):
                status, answer = await client.call(
                    "POST", "/api/sessions", params={"source": "upload", **TERMS}, data=body
                )
                assert (status, answer["error"]["code"]) == (400, "bad_media")
                assert "tacit-upload" not in answer["error"]["message"]

    asyncio.run(run())
    assert uploads() == before


def test_an_upload_that_is_too_large_is_refused(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MAX_UPLOAD_BYTES", 100_000)

    async def many() -> Any:
        for _ in range(10):
            yield b"x" * 50_000

    async def run() -> None:
        async with serving(running) as client:
            params = {"source": "upload", **TERMS}
            for body in (b"x" * 200_000, many()):
                async with client.http.post("/api/sessions", params=params, data=body) as response:
                    assert response.status == 413

    asyncio.run(run())
