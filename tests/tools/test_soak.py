"""A short soak of a server that runs."""

import asyncio
from pathlib import Path

import pytest
from rich.progress import Progress
from typer.testing import CliRunner

from tests.fakes.serving import Serving
from tools.soak import Soak, app, tasks_of
from tools.soak_clients import Peer


def test_without_anybody_it_says_so() -> None:
    result = CliRunner().invoke(app, ["--pages", "0"])
    assert result.exit_code == 2
    assert "nobody would use the server" in result.output


@pytest.mark.live
@pytest.mark.process
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_peer_is_followed_to_its_end(server: Serving, sample: Path) -> None:
    async def run() -> Soak:
        soak = Soak(server.process.pid, server.url, [Peer(server.url, sample)])
        with Progress(disable=True) as progress:
            await soak.run(0.2, 1.0, progress)
        assert await tasks_of(server.url) >= 1
        return soak

    report = asyncio.run(run()).report(0.0)
    assert report["results"] >= 3
    assert report["sessions"] == 1
    assert {"server", "audio", "face", "recognizer"} <= set(
        report["samples"][-1]["rss_by_process_mb"]
    )
    assert report["cores"] > 0
    checks = {check["what"]: check for check in report["checks"]}
    for what in ("results lost by the server", "clients without results", "workers that died"):
        assert checks[what]["met"], checks
    assert "RSS slope, MB/h" in checks
