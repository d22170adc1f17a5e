import asyncio
from pathlib import Path

import pytest
from aioice.ice import Connection

from tests.fakes.fault_runs import run_exactly
from tools.fault_rows.networks import losing

pytestmark = [pytest.mark.unit, pytest.mark.timeout(120)]


def test_the_reorder_buffer_keeps_what_the_network_lets_through(tmp_path: Path) -> None:
    run_exactly("packets-lost-in-theory", tmp_path)


def test_packets_are_lost_by_chance_and_only_inside_the_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[bytes] = []

    async def sendto(_self: Connection, data: bytes, _component: int) -> None:
        sent.append(data)

    monkeypatch.setattr(Connection, "sendto", sendto)
    sound = bytes([0x80, 96]) + bytes(20)

    async def send(count: int) -> None:
        connection = Connection.__new__(Connection)
        for _ in range(count):
            await connection.sendto(sound, 1)

    with losing(0.3) as counted:
        asyncio.run(send(1000))
        lost, offered = counted()
        assert offered == 1000
        assert 230 < lost < 370
        assert len(sent) == 1000 - lost
    asyncio.run(send(10))
    assert len(sent) == 1010 - lost
