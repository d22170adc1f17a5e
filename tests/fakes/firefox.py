"""Firefox without a screen, driven by WebDriver BiDi (W3C) over its own web socket."""

import asyncio
import base64
import contextlib
import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
PATIENCE_S = 120.0
PREFS: dict[str, bool | int | str] = {
    # A camera and a microphone that need neither hardware nor permission.
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    # Peers on this machine are reached although it may have no network.
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.autoplay.default": 0,
    "browser.shell.checkDefaultBrowser": False,
    "browser.aboutwelcome.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "extensions.update.enabled": False,
    "browser.safebrowsing.update.enabled": False,
}
_LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")


class FirefoxPage:
    """One page.

    Attributes:
        complaints: errors and warnings of its console.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._context = ""

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        number = len(self._answers) + 1
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        return await asyncio.wait_for(self._answers[number], PATIENCE_S)

    async def listen(self) -> None:
        """Take what comes until cancelled."""
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                if told["type"] == "error":
                    failure = AssertionError(f"{told['error']}: {told['message']}")
                    self._answers[told["id"]].set_exception(failure)
                else:
                    self._answers[told["id"]].set_result(told["result"])
            elif told["method"] == "log.entryAdded" and told["params"]["level"] in (
                "error",
                "warn",
            ):
                self.complaints.append(str(told["params"]["text"]))

    async def open(self, url: str) -> None:
        """Go to an address."""
        await self.ask("session.new", capabilities={})
        await self.ask("session.subscribe", events=["log.entryAdded"])
        tree = await self.ask("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]
        size = {"width": 1400, "height": 1500}
        await self.ask("browsingContext.setViewport", context=self._context, viewport=size)
        await self.ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def run(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        target = {"context": self._context}
        answer = await self.ask(
            "script.evaluate", expression=expression, target=target, awaitPromise=True
        )
        assert answer["type"] == "success", answer
        return answer["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until an expression is true."""
        async with asyncio.timeout(PATIENCE_S):
            while not (value := await self.run(expression)):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.1)
        return value

    async def screenshot(self, path: Path) -> None:
        """Take a picture of the whole page."""
        answer = await self.ask(
            "browsingContext.captureScreenshot", context=self._context, origin="document"
        )
        picture = base64.b64decode(answer["data"])
        await asyncio.to_thread(path.write_bytes, picture)


@contextlib.asynccontextmanager
async def firefox(folder: Path) -> AsyncIterator[FirefoxPage]:
    """A Firefox with a fresh profile; skips where there is none."""
    if FIREFOX is None:
        pytest.skip("needs Firefox (apt-get install firefox-esr)")
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(v)});" for name, v in PREFS.items()]
    (folder / "user.js").write_text("\n".join(lines) + "\n")
    process = await asyncio.create_subprocess_exec(
        *(FIREFOX, "--headless", "--no-remote", "--profile", str(folder)),
        *("--remote-debugging-port", "0", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        address = await asyncio.wait_for(_address(process), PATIENCE_S)
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{address}/session", max_msg_size=0) as socket,
        ):
            page = FirefoxPage(socket)
            listening = asyncio.create_task(page.listen())
            drain = asyncio.create_task(_drain(process))
            try:
                yield page
            finally:
                listening.cancel()
                drain.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        found = _LISTENING.search(line)
        if found:
            return found.group(1).decode()
    raise AssertionError("Firefox ended without an address for WebDriver BiDi")


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    async for _ in process.stderr:
        continue
