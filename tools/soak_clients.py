"""Those who use a server during a soak: pages in Chromium, peers in Python, and one who listens."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer

HOP_MS: Final = 500
PATIENCE_MS: Final = 120_000
SWITCHES: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)
COUNT: Final = """
window.soak = { ends: [] };
const make = RTCPeerConnection.prototype.createDataChannel;
RTCPeerConnection.prototype.createDataChannel = function (...words) {
  const channel = make.apply(this, words);
  channel.addEventListener("message", ({ data }) => {
    const event = JSON.parse(data);
    if (event.type === "measurement.result") window.soak.ends.push(event.window.end_ms);
  });
  return channel;
};
"""
TERMS: Final = {"purpose": "test", "consent": "soak"}


@dataclass(slots=True)
class Results:
    """The results of one session, as somebody got them.

    Attributes:
        count: how many.
        lost: windows that are missing between the first and the last.
        last_ms: end of the last window.
    """

    count: int = 0
    lost: int = 0
    last_ms: int | None = None

    def take(self, end_ms: int) -> None:
        """Take the end of a result's window."""
        if self.last_ms is not None:
            self.lost += max(0, (end_ms - self.last_ms) // HOP_MS - 1)
        self.last_ms = end_ms
        self.count += 1


class Client(Protocol):
    """One who has a session."""

    results: Results

    async def begin(self) -> None:
        """Begin it; returns when it runs."""

    async def look(self) -> None:
        """Bring `results` up to date."""

    async def close(self) -> None:
        """End it."""


class Page:
    """The page in a browser of its own, with a camera and a microphone that play a clip.

    Args:
        url: of the server.
        devices: a Motion JPEG file and a WAVE file.
    """

    def __init__(self, url: str, devices: tuple[Path, Path]) -> None:
        self.results = Results()
        self.complaints: list[str] = []
        self._url, self._devices = url, devices
        self._stack: list[Any] = []
        self._page: Any = None

    async def begin(self) -> None:
        """Open the page, agree and start."""
        from playwright.async_api import async_playwright

        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        driver = await async_playwright().start()
        self._stack.append(driver.stop)
        picture, sound = self._devices
        files = [
            f"--use-file-for-fake-video-capture={picture}",
            f"--use-file-for-fake-audio-capture={sound}",
        ]
        browser = await driver.chromium.launch(executable_path=chromium, args=[*SWITCHES, *files])
        self._stack.append(browser.close)
        self._page = page = await browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.add_init_script(COUNT)
        await page.goto(self._url)
        await page.wait_for_selector("html[data-state=idle]")
        await page.check("input[value=webrtc]")
        await page.select_option("[name=purpose]", "test")
        await page.check("[name=consent]")
        await page.click("button.main")
        await page.wait_for_selector("html[data-state=live]")

    async def look(self) -> None:
        """Bring `results` up to date."""
        for end_ms in await self._page.evaluate("window.soak.ends.splice(0)"):
            self.results.take(end_ms)

    async def heap_mb(self) -> float:
        """What the page's scripts hold, after a collection of garbage."""
        session = await self._page.context.new_cdp_session(self._page)
        await session.send("HeapProfiler.collectGarbage")
        used = await session.send("Runtime.getHeapUsage")
        await session.detach()
        return float(used["usedSize"]) / 2**20

    async def close(self) -> None:
        """Close the browser."""
        for end in reversed(self._stack):
            with suppress(Exception):
                await end()


class Peer:
    """A WebRTC peer in this process that sends a clip again and again.

    Args:
        url: of the server.
        clip: what it sends.
    """

    def __init__(self, url: str, clip: Path) -> None:
        self.results = Results()
        self._url = url
        self._player = MediaPlayer(str(clip), loop=True)
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    async def begin(self) -> None:
        """Call the server."""
        for track in (self._player.audio, self._player.video):
            if track is not None:
                self._pc.addTrack(track)
        self._pc.createDataChannel("events").on("message", self._hear)
        await self._pc.setLocalDescription(await self._pc.createOffer())
        headers = {"Content-Type": "application/sdp"}
        async with (
            aiohttp.ClientSession() as http,
            http.post(
                self._url + "whip",
                params=TERMS,
                data=self._pc.localDescription.sdp,
                headers=headers,
            ) as answer,
        ):
            answer.raise_for_status()
            told = RTCSessionDescription(await answer.text(), "answer")
        await self._pc.setRemoteDescription(told)

    async def look(self) -> None:
        """Results come by themselves."""

    async def close(self) -> None:
        """Hang up."""
        await self._pc.close()

    def _hear(self, text: str) -> None:
        event = json.loads(text)
        if event["type"] == "measurement.result":
            self.results.take(event["window"]["end_ms"])


@dataclass(slots=True)
class Listener:
    """Listens to all sessions over the web socket.

    Attributes:
        results: by session.
        errors: how often each code came.
        latencies: of every result, s since the start and ms.
    """

    results: dict[str, Results] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    latencies: list[tuple[float, float]] = field(default_factory=list)

    async def listen(self, url: str) -> None:
        """Listen until cancelled."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        async with aiohttp.ClientSession() as http, http.ws_connect(url + "ws") as socket:
            async for message in socket:
                self.take(json.loads(message.data), loop.time() - began_s)

    def take(self, event: dict[str, Any], t_s: float) -> None:
        """Take an event."""
        if event["type"] == "measurement.result":
            results = self.results.setdefault(event["session_id"], Results())
            results.take(event["window"]["end_ms"])
            self.latencies.append((t_s, event["latency_ms"]["capture_to_result"]))
        elif event["type"] == "error":
            self.errors[event["code"]] = self.errors.get(event["code"], 0) + 1


def fake_devices(clip: Path, folder: Path) -> tuple[Path, Path]:
    """Make of a clip what Chromium's fake camera and microphone play: 640x480, 30 per second."""
    picture, sound = folder / "face.mjpeg", folder / "voice.wav"
    make = ["ffmpeg", "-v", "error", "-y", "-i", str(clip)]
    shape = "scale=640:480:force_original_aspect_ratio=increase,crop=640:480,fps=30"
    subprocess.run([*make, "-an", "-vf", shape, "-q:v", "4", str(picture)], check=True)
    subprocess.run([*make, "-vn", "-ac", "1", "-ar", "48000", str(sound)], check=True)
    return picture, sound


async def close_all(clients: Sequence[Client]) -> None:
    """End all sessions."""
    await asyncio.gather(*(client.close() for client in clients), return_exceptions=True)
