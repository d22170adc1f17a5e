"""The example of many sessions behind Ray Serve, run as people run it."""

import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from tacit.pipeline.server.files import SAMPLE
from tests.conftest import ROOT

pytest.importorskip("ray.serve", reason="needs the extra ray")

pytestmark = [
    pytest.mark.live,
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.timeout(500),
]


BUSY = {
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "120",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "120",
}
"""On a machine with other work, importing Ray takes longer than Ray's proxy is given."""


def client() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "ray_serve_client", ROOT / "examples" / "ray_serve_client.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def children(pid: int) -> list[int]:
    """Processes below one that are still there."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if parent == pid:
            found += [int(path.parent.name), *children(int(path.parent.name))]
    return found


def runs(pid: int) -> bool:
    """Whether a process is there and no mere entry that its parent has not read yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in "ZX"


async def refused(url: str, first: str) -> int | None:
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        await socket.send_str(first)
        async for _ in socket:
            pass
        code: int | None = socket.close_code
        return code


def test_two_sessions_are_read_at_once_and_ctrl_c_ends_everything() -> None:
    port = unused_port()
    url = f"ws://127.0.0.1:{port}/session"
    program = [sys.executable, str(ROOT / "examples" / "ray_serve.py"), "--port", str(port)]
    environment = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
    process = subprocess.Popen(
        [*program, "--cores", "1", "--asr", "off"],
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, **BUSY, "OMP_NUM_THREADS": "1"},
    )
    below: list[int] = []
    try:
        assert process.stdout is not None
        assert any(url in line for line in process.stdout)
        told: dict[str, list[dict[str, Any]]] = {"anna": [], "ben": []}

        async def both() -> None:
            read = client().read
            await asyncio.gather(
                *(read(url, Path(str(SAMPLE)), name, told[name].append) for name in told)
            )

        asyncio.run(both())
        for name, events in told.items():
            assert events[0]["type"] == "session.ready"
            assert events[-1]["type"] == "session.closed"
            results = [e for e in events if e["type"] == "measurement.result"]
            assert len(results) >= 10
            assert {e["participant"] for e in results} == {name}
            assert any(
                e["modalities"]["face"]["source"] == "measured"
                and e["modalities"]["audio"]["source"] == "measured"
                for e in results
            )
        assert asyncio.run(refused(url, json.dumps({"participant": "eve"}))) == 4403
        assert asyncio.run(refused(url, "no json")) == 4403
        below = children(process.pid)
        assert below
    finally:
        process.send_signal(signal.SIGINT)
        try:
            status = process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        finally:
            if process.stdout is not None:
                process.stdout.close()
    assert status == 0
    assert [pid for pid in below if runs(pid)] == []
