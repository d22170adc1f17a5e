"""Runs a server for a long time with people on it, and looks at what grows.

    python -m tools.soak --minutes 30                    # one page in Chromium
    python -m tools.soak --minutes 5 --pages 0 --peers 2 # two WebRTC peers, no browser

Every few seconds the memory, open files and threads of the server and its workers, its asyncio
tasks and the results are counted. In the end a line is fitted to what came after the warm-up. Exits
with 1 when something grows or was lost.
"""

import asyncio
import json
import os
import re
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Annotated, Any, Final

import aiohttp
import typer
from rich.console import Console
from rich.progress import Progress

from tools.soak_clients import Client, Listener, Page, Peer, close_all, fake_devices
from tools.soak_figures import verdict
from tools.soak_processes import Usage, family, total, usage

SAMPLE: Final = resources.files("tacit.pipeline") / "assets" / "sample.mp4"
READY_S: Final = 180.0
STOP_S: Final = 20.0
LAST_S: Final = 2.0
_TASKS: Final = re.compile(rb"^tacit_tasks (\S+)$", re.MULTILINE)
app = typer.Typer(add_completion=False)


@contextmanager
def server(arguments: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Start `tacit serve`; gives its process id and address, and ends it as Ctrl-C does."""
    command = [sys.executable, "-m", "tacit.pipeline.cli", "serve", "--port", "0", *arguments]
    process = Popen(command, stdout=PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        if found is None:
            raise RuntimeError("the server did not start; see above")
        yield process.pid, found.group()
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except TimeoutExpired:
            process.kill()
            process.wait()


async def tasks_of(url: str) -> float:
    """How many asyncio tasks the server has."""
    async with aiohttp.ClientSession() as http, http.get(url + "metrics") as answer:
        found = _TASKS.search(await answer.read())
    return float(found.group(1)) if found else float("nan")


async def wait_ready(url: str) -> None:
    """Wait until the server has loaded its models.

    Raises:
        TimeoutError: it takes too long.
    """
    async with asyncio.timeout(READY_S), aiohttp.ClientSession() as http:
        while True:
            async with http.get(url + "ready") as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.5)


def processes(pid: int) -> dict[str, Usage]:
    """What the server and each of its workers hold, by name."""
    found: dict[str, Usage] = {}
    for each, name in family(pid).items():
        with suppress(OSError):
            found[name] = found.get(name, Usage()) + usage(each)
    return found


class Soak:
    """One run.

    Args:
        pid: of the server.
        url: of the server.
        clients: who use it.
    """

    def __init__(self, pid: int, url: str, clients: Sequence[Client]) -> None:
        self.samples: list[dict[str, Any]] = []
        self.listener = Listener()
        self._pid, self._url, self._clients = pid, url, clients

    async def run(self, minutes: float, every_s: float, progress: Progress) -> None:
        """Let the clients use the server, and sample."""
        await wait_ready(self._url)
        listening = asyncio.create_task(self.listener.listen(self._url))
        bar = progress.add_task("soaking", total=minutes * 60)
        try:
            for client in self._clients:
                await client.begin()
            began_s = time.monotonic()
            while (t_s := time.monotonic() - began_s) < minutes * 60:
                self.samples.append(await self._sample(t_s))
                progress.update(bar, completed=t_s)
                await asyncio.sleep(every_s)
            for client in self._clients:
                await client.look()
        finally:
            await close_all(self._clients)
            await asyncio.sleep(LAST_S)
            listening.cancel()
            with suppress(asyncio.CancelledError, aiohttp.ClientError):
                await listening

    async def _sample(self, t_s: float) -> dict[str, Any]:
        by_name = processes(self._pid)
        whole = total(by_name.values())
        heaps = []
        for client in self._clients:
            await client.look()
            if isinstance(client, Page):
                heaps.append(await client.heap_mb())
        return {
            "t_s": round(t_s, 2),
            "rss_mb": whole.rss_mb,
            "pss_mb": whole.pss_mb,
            "fds": whole.fds,
            "threads": whole.threads,
            "cpu_s": whole.cpu_s,
            "tasks": await tasks_of(self._url),
            "pages_heap_mb": sum(heaps),
            "rss_by_process_mb": {name: round(u.rss_mb, 2) for name, u in by_name.items()},
        }

    def report(self, warm_up_s: float) -> dict[str, Any]:
        """What the run shows.

        Args:
            warm_up_s: what came before is left out of the fits.
        """
        warm = [sample for sample in self.samples if sample["t_s"] >= warm_up_s]
        got = [client.results for client in self._clients]
        told = list(self.listener.results.values())
        complaints = [
            c for client in self._clients if isinstance(client, Page) for c in client.complaints
        ]
        expected = sum(results.count + results.lost for results in told)
        counts = {
            "results lost by the server": sum(results.lost for results in told),
            "results lost on the way to clients": sum(results.lost for results in got),
            "sessions that broke off and began anew": max(0, len(told) - len(got)),
            "clients without results": sum(results.count == 0 for results in got),
            "workers that died": self.listener.errors.get("worker_died", 0),
            "errors in pages": len(complaints),
        }
        return {
            "soak": "live",
            "sessions": len(told),
            "results": expected,
            "cores": _cores(warm),
            "latency_ms": _latency(self.listener.latencies),
            "errors": self.listener.errors,
            "complaints": complaints[:5],
            **verdict(warm, counts),
            "samples": self.samples,
        }


def _cores(samples: Sequence[dict[str, Any]]) -> float | None:
    if len(samples) < 2:
        return None
    first, last = samples[0], samples[-1]
    used: float = (last["cpu_s"] - first["cpu_s"]) / (last["t_s"] - first["t_s"])
    return round(used, 3)


def _latency(latencies: Sequence[tuple[float, float]]) -> dict[str, dict[str, float]]:
    """Median and 95th percentile of the first and of the last third: do results get later?"""
    third = len(latencies) // 3
    if third < 2:
        return {}
    parts = {"first third": latencies[:third], "last third": latencies[-third:]}
    found = {}
    for name, part in parts.items():
        values = sorted(ms for _, ms in part)
        found[name] = {
            "p50": round(statistics.median(values), 1),
            "p95": round(values[int(0.95 * len(values))], 1),
        }
    return found


@app.command(help=__doc__)
def main(
    minutes: Annotated[float, typer.Option(min=0.2, help="How long.")] = 30.0,
    pages: Annotated[int, typer.Option(min=0, max=4, help="Pages in Chromium.")] = 1,
    peers: Annotated[int, typer.Option(min=0, max=4, help="WebRTC peers in Python.")] = 0,
    warm_up: Annotated[
        float | None, typer.Option(help="Minutes left out of the fits; a sixth, at least one.")
    ] = None,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between samples.")] = 5.0,
    clip: Annotated[Path | None, typer.Option(help="Clip instead of the bundled sample.")] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Where the report goes.")] = None,
) -> None:
    """Run it and say what was found."""
    if pages + peers == 0:
        raise typer.BadParameter("nobody would use the server: give --pages or --peers")
    console = Console(stderr=True)
    with (
        tempfile.TemporaryDirectory(prefix="tacit-soak-") as folder,
        resources.as_file(SAMPLE) as sample,
        server(["--asr", "off"]) as (pid, url),
        Progress(console=console) as progress,
    ):
        media = clip or sample
        devices = fake_devices(media, Path(folder)) if pages else None
        clients: list[Client] = [Peer(url, media) for _ in range(peers)]
        clients += [Page(url, devices) for _ in range(pages) if devices is not None]
        soak = Soak(pid, url, clients)
        asyncio.run(soak.run(minutes, every, progress))
    report = {"minutes": minutes, **soak.report(60 * (warm_up or max(1.0, minutes / 6)))}
    text = json.dumps(report, indent=1)
    if out is None:
        typer.echo(text)
    else:
        out.write_text(text + "\n")
    for check in report["checks"]:
        sure = "" if check.get("certain", True) else "  (not certain: run longer)"
        mark = "ok  " if check["met"] else "FAIL"
        console.print(f"{mark} {check['what']}: {check['value']} (at most {check['most']}){sure}")
    console.print(
        f"{report['results']} results, {report['cores']} processor cores, {report['lines']}"
    )
    raise typer.Exit(0 if report["passed"] else 1)


if __name__ == "__main__":
    app()
