import asyncio

import pytest

from tools.fault_rows.hostile import idle_server
from tools.fault_rows.server import call, free_port

pytestmark = [pytest.mark.process, pytest.mark.timeout(60)]


def test_it_serves_on_its_own_loop_and_leaves_nothing() -> None:
    with idle_server() as server:
        assert server.ask(call("GET", f"{server.url}/health")) == (200, '{"status": "ok"}')
        status, _ = asyncio.run(call("GET", f"{server.url}/ready"))
        assert status == 503
        assert server.tasks() >= 2
    assert server.loop.is_closed()


def test_a_free_port_can_be_bound() -> None:
    assert 1024 <= free_port() <= 65_535
