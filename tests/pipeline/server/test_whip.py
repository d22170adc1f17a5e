"""Offers over HTTP: bad ones refused without a trace, a real second peer served."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tacit.pipeline.events import read_event
from tacit.pipeline.server import sessions
from tacit.stream.limits import MAX_OFFER_BYTES
from tests.fakes.peers import Caller, loopback, mutated, until
from tests.fakes.served import TERMS, Client, Running, idle, running, serving

__all__ = ["loopback", "running"]

pytestmark = [
    pytest.mark.process,
    pytest.mark.usefixtures("loopback"),
    pytest.mark.timeout(300),
]

SDP = {"Content-Type": "application/sdp"}


async def post(client: Client, body: str | bytes, **extra: Any) -> tuple[int, Any]:
    return await client.call("POST", "/whip", data=body, headers={**SDP, **extra}, params=TERMS)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_sdp"),
        (b"garbage", 400, "bad_sdp"),
        (b"\xff\xfe\x00", 400, "bad_sdp"),
        (b'{"sdp":"v=0","type":"offer"}', 400, "bad_sdp"),
        (b"v=0\r\nm=audio", 400, "bad_sdp"),
        (b"v=0\r\n" + b"m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 9, 400, "bad_sdp"),
        (b"v=0\r\n" + b"a=x\r\n" * MAX_OFFER_BYTES, 413, "too_large"),
    ],
)
def test_what_is_no_offer_is_refused(body: bytes, status: int, code: str) -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            got, answer = await post(client, body)
            assert (got, answer["error"]["code"]) == (status, code)
            assert answer["error"]["message"]

    asyncio.run(run())


def test_another_content_type_is_refused() -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            got, answer = await client.call("POST", "/whip", data="v=0", params=TERMS)
            assert (got, answer["error"]["code"]) == (415, "wrong_type")

    asyncio.run(run())


def test_a_body_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "BODY_S", 0.3)

    async def drip() -> Any:
        yield b"v=0\r\n"
        await asyncio.sleep(5)

    async def run() -> None:
        async with (
            serving(idle()) as client,
            client.http.post("/whip", data=drip(), headers=SDP, params=TERMS) as response,
        ):
            assert response.status == 408

    asyncio.run(run())


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({}, "purpose_needed"),
        ({"purpose": "demo"}, "consent_needed"),
        ({"purpose": "workplace", "consent": "c1"}, "purpose_refused"),
        ({"purpose": "demo", "consent": "c1", "participant": "a b"}, "bad_request"),
    ],
)
def test_a_page_has_to_ask_first(terms: dict[str, str], code: str) -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            headers = {**SDP, "Origin": client.origin}
            _, answer = await client.call(
                "POST", "/whip", data="v=0", headers=headers, params=terms
            )
            assert answer["error"]["code"] == code

    asyncio.run(run())


def test_damaged_offers_leave_no_task_and_no_session_behind(running: Running) -> None:
    async def run() -> None:
        caller = Caller(None)
        caller.pc.addTransceiver("audio")
        caller.pc.addTransceiver("video")
        offer = await caller.offer()
        await caller.close()
        rng = random.Random(17)
        async with serving(running, sessions=1) as client:
            await client.call("GET", "/health")
            await asyncio.sleep(0.1)
            before = len(asyncio.all_tasks())
            statuses = []
            for _ in range(30):
                statuses.append((await post(client, mutated(offer, rng)))[0])
                for served in client.desk.book.live:
                    await client.desk.stop(served)
            assert set(statuses) <= {201, 400, 413}
            assert statuses.count(400) >= 5
            await until(lambda: len(asyncio.all_tasks()) <= before, 30)

    asyncio.run(run())


def test_a_second_peer_sends_media_and_receives_events(running: Running, sample: Path) -> None:
    async def run() -> None:
        async with serving(running) as client:
            caller = Caller(sample)
            async with client.http.post(
                "/whip", data=await caller.offer(), headers=SDP, params=TERMS
            ) as response:
                assert response.status == 201
                assert response.content_type == "application/sdp"
                where = response.headers["Location"]
                name = response.headers["Tacit-Session"]
                await caller.accept(await response.text())
            assert where == f"/whip/{name}"
            found: list[dict[str, Any]] = []

            async def hear(done: Any) -> None:
                async with asyncio.timeout(120):
                    while not done(found):
                        found.append(json.loads(await caller.messages.get()))

            await hear(lambda f: f and f[-1]["type"] == "session.ready")
            await hear(lambda f: _measured(f[-1]) >= {"audio", "face"})
            await hear(lambda f: f[-1]["type"] == "view.face" and f[-1]["outline"])
            caller.channel.send('{"type":"inject","modality":"face","kind":"freeze"}')
            await hear(lambda f: f[-1].get("reason") == "frozen")
            caller.channel.send('{"type":"mend"}')
            await hear(lambda f: f[-1]["type"] == "ack" and f[-1]["command"] == "mend")
            status, _ = await client.call("DELETE", where)
            assert status == 200
            await hear(lambda f: f[-1]["type"] == "session.closed")
            for fields in found:
                if not fields["type"].startswith("view.") and fields["type"] != "ack":
                    read_event(json.dumps(fields))
            assert {f["session_id"] for f in found if "session_id" in f} == {name}
            await caller.close()
            assert (await client.call("DELETE", "/whip/live-unknown"))[0] == 404

    asyncio.run(run())


def _measured(fields: dict[str, Any]) -> set[str]:
    if fields["type"] != "measurement.result":
        return set()
    return {m for m, r in fields["modalities"].items() if r["source"] == "measured"}


def test_a_peer_that_closes_ends_its_session_and_frees_its_place(
    running: Running, sample: Path
) -> None:
    async def run() -> None:
        async with serving(running, sessions=1) as client:
            caller = Caller(sample, ("audio",))
            status, answer = await post(client, await caller.offer())
            assert status == 201
            await caller.accept(answer)
            (served,) = client.desk.book.live
            await until(lambda: served.state == "live")
            other = Caller(sample, ("audio",))
            offer = await other.offer()
            status, refusal = await post(client, offer)
            assert (status, refusal["error"]["code"]) == (429, "too_many_sessions")
            await caller.close()
            await until(lambda: served.state == "ended")
            status, _ = await post(client, offer)
            assert status == 201
            await other.close()

    asyncio.run(run())


def test_a_program_on_this_machine_need_not_state_terms_but_a_page_must(
    running: Running, sample: Path
) -> None:
    async def run() -> None:
        async with serving(running) as client:
            caller = Caller(sample, ("audio",))
            async with client.http.post(
                "/whip", data=await caller.offer(), headers=SDP
            ) as response:
                assert response.status == 201
            (served,) = client.desk.book.live
            assert served.terms.purpose == "test"
            await client.desk.stop(served)
            await caller.close()

    asyncio.run(run())
