"""The web socket and its limits, over real HTTP; no models needed."""

import asyncio
import json

import aiohttp
import pytest
from aiohttp import WSMsgType

from tacit.pipeline.server.sockets import Rate
from tacit.stream.limits import MAX_SOCKET_MESSAGES_PER_S, MAX_SOCKETS
from tests.fakes.peers import until
from tests.fakes.served import idle, serving


def test_the_first_message_says_what_there_is() -> None:
    async def run() -> None:
        async with serving(idle()) as client, client.http.ws_connect("/ws") as socket:
            hello = await socket.receive_json(timeout=20)
            assert hello == {"type": "hello", "v": 1, "sessions": []}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ('{"type":"stop"}', "unknown_session"),
        ('{"type":"inject","session":"nobody"}', "unknown_session"),
        ("[1,2]", "unknown_session"),
        ("not json", "unknown_session"),
        ("[" * 2000, "unknown_session"),
    ],
)
def test_commands_that_mean_nothing_are_answered(sent: str, code: str) -> None:
    async def run() -> None:
        async with serving(idle()) as client, client.http.ws_connect("/ws") as socket:
            await socket.receive(timeout=20)
            await socket.send_str(sent)
            answer = await socket.receive_json(timeout=20)
            assert answer["type"] == "ack"
            assert answer["ok"] is False
            assert answer["error"]["code"] == code

    asyncio.run(run())


def test_a_flood_is_cut_off_and_others_are_served() -> None:
    async def run() -> None:
        async with serving(idle()) as client, client.http.ws_connect("/ws") as calm:
            async with client.http.ws_connect("/ws") as flood:
                for _ in range(MAX_SOCKET_MESSAGES_PER_S + 10):
                    await flood.send_str("{}")
                async with asyncio.timeout(20):
                    while (message := await flood.receive()).type == WSMsgType.TEXT:
                        continue
                assert flood.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION, message
            await calm.receive(timeout=20)
            await calm.send_str("{}")
            assert (await calm.receive_json(timeout=20))["type"] == "ack"

    asyncio.run(run())


def test_huge_and_binary_messages_end_the_socket() -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            for send in ("text", "binary"):
                async with client.http.ws_connect("/ws") as socket:
                    await socket.receive(timeout=20)
                    if send == "text":
                        await socket.send_str("x" * 70_000)
                    else:
                        await socket.send_bytes(b"x")
                    async with asyncio.timeout(20):
                        while (await socket.receive()).type == WSMsgType.TEXT:
                            continue
                    assert socket.close_code in (
                        aiohttp.WSCloseCode.MESSAGE_TOO_BIG,
                        aiohttp.WSCloseCode.UNSUPPORTED_DATA,
                    )

    asyncio.run(run())


def test_there_are_only_so_many_sockets_and_places_become_free() -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            opened = [await client.http.ws_connect("/ws") for _ in range(MAX_SOCKETS)]
            for socket in opened:
                await socket.receive(timeout=20)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.http.ws_connect("/ws")
            assert refused.value.status == 429
            await opened[0].close()
            await until(lambda: len(client.desk.audience) < MAX_SOCKETS, 20)
            async with client.http.ws_connect("/ws") as late:
                assert json.loads((await late.receive(timeout=20)).data)["type"] == "hello"
            for socket in opened[1:]:
                await socket.close()

    asyncio.run(run())


def test_the_rate_counts_the_last_second() -> None:
    rate = Rate(2)
    assert [rate.allows(t) for t in (0.0, 0.5, 0.9, 1.6, 3.0)] == [True, True, False, True, True]
