"""The server's own camera, for callers on its machine only."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.peers import until
from tests.fakes.served import TERMS, Running, idle, messages, running, serving
from tools.fault_rows.webcam import webcam

__all__ = ["running"]

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

DEVICE = {"source": "device", **TERMS}


def test_who_is_elsewhere_gets_no_devices() -> None:
    async def run() -> None:
        async with serving(idle(), origins=("https://app.example",)) as client:
            for headers in (
                {"Origin": "https://app.example"},
                {"X-Forwarded-For": "192.0.2.7"},
                {"Forwarded": "for=192.0.2.7"},
            ):
                for method, path in (("GET", "/api/devices"), ("POST", "/api/sessions")):
                    body: dict[str, Any] = {} if method == "GET" else {"json": DEVICE}
                    got, answer = await client.call(method, path, headers=headers, **body)
                    assert (got, answer["error"]["code"]) == (403, "not_local")
                    assert "open the page there" in answer["error"]["message"]
                _, about = await client.call("GET", "/api/info", headers=headers)
                assert "device" not in about["sources"]
            _, about = await client.call("GET", "/api/info", headers={"Origin": client.origin})
            assert "device" in about["sources"]

    asyncio.run(run())


def test_devices_are_listed_and_others_refused_by_name() -> None:
    async def run() -> None:
        async with serving(idle(), cameras=("http://cam/x.mjpg",)) as client:
            got, found = await client.call("GET", "/api/devices")
            assert got == 200
            assert {"kind": "video", "name": "http://cam/x.mjpg"} in found["devices"]
            for asked, says in (
                ({"video": "http://10.0.0.1/"}, "There is no camera 'http://10.0.0.1/' here"),
                ({"audio": "Headset"}, "There is no microphone 'Headset' here"),
                ({}, "Choose a camera or a microphone"),
                ({"video": ["http://cam/x.mjpg"]}, "There is no camera"),
            ):
                got, answer = await client.call("POST", "/api/sessions", json={**DEVICE, **asked})
                assert (got, answer["error"]["code"]) == (400, "bad_request")
                assert says in answer["error"]["message"]
            asked = {"source": "device", "video": "http://cam/x.mjpg"}
            own = {"Origin": client.origin}
            got, answer = await client.call("POST", "/api/sessions", json=asked, headers=own)
            assert (got, answer["error"]["code"]) == (403, "purpose_needed")

    asyncio.run(run())


@pytest.mark.media
def test_a_camera_is_read_unplugged_and_given_back(running: Running, sample: Path) -> None:
    async def run() -> None:
        with webcam(sample) as camera:
            async with serving(running, cameras=(camera.url,)) as client:
                asked = {**DEVICE, "video": camera.url}
                async with client.http.ws_connect("/ws") as socket:
                    got, session = await client.call("POST", "/api/sessions", json=asked)
                    assert (got, session["source"]) == (201, "device")
                    path = f"/api/sessions/{session['session_id']}"
                    while True:
                        (result,) = await messages(socket, "measurement.result", 1)
                        if result["modalities"]["face"]["source"] == "measured":
                            break
                    assert result["modalities"]["audio"]["source"] == "absent"
                    await asyncio.to_thread(camera.unplug)
                    while True:
                        (health,) = await messages(socket, "sensor.health", 1)
                        if health["state"] == "lost":
                            break
                    assert health["modality"] == "face"
                    await messages(socket, "measurement.result", 2)
                    got, _ = await client.call("DELETE", path)
                    assert got == 204
                    await messages(socket, "session.closed", 1)

    asyncio.run(run())


@pytest.mark.media
def test_a_camera_that_a_page_started_stops_when_the_page_is_gone(
    running: Running, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tacit.pipeline.server.book.PEER_GONE_NS", 300_000_000)

    async def run() -> None:
        with webcam(sample) as camera:
            async with serving(running, cameras=(camera.url,)) as client:
                asked, own = {**DEVICE, "video": camera.url}, {"Origin": client.origin}
                got, _ = await client.call("POST", "/api/sessions", json=asked, headers=own)
                assert got == 201
                (served,) = client.desk.book.live
                assert served.needs_viewer
                await until(lambda: served.state == "ended")

    asyncio.run(run())
