"""Chromium without a screen, and a server that gives it the page's own files and nothing else."""

import contextlib
import functools
import http.server
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

STATIC = Path(__file__).resolve().parents[2] / "pipeline" / "web" / "static"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_MS = 120_000
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)


@contextlib.contextmanager
def driver() -> Iterator[Any]:
    """What browsers are started with; only one at a time goes. Skips where there is no Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install)")
    if CHROMIUM is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        yield playwright


@contextlib.contextmanager
def chromium(playwright: Any, switches: Sequence[str] = ()) -> Iterator[Any]:
    """A browser."""
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=[*SWITCHES, *switches], timeout=PATIENCE_MS
    )
    try:
        yield browser
    finally:
        browser.close()


def fake_devices(picture: Path, sound: Path) -> list[str]:
    """Switches for a camera and a microphone that play files and need no permission."""
    return [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={picture}",
        f"--use-file-for-fake-audio-capture={sound}",
        "--allow-loopback-in-peer-connection",
    ]


class _Files(http.server.SimpleHTTPRequestHandler):
    """`/static/...` as Tacit's server gives it, and an empty page at `/`."""

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix("/static"))

    def do_GET(self) -> None:
        if self.path != "/":
            super().do_GET()
            return
        page = b"<!doctype html><html lang=en><title>empty</title><link rel=icon href='data:,'>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        return


@contextlib.contextmanager
def static_server() -> Iterator[str]:
    """The address of a server for the page's files."""
    handler = functools.partial(_Files, directory=str(STATIC))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class Visit:
    """A page that was opened, with what it asked for and complained about."""

    def __init__(self, browser: Any, url: str, **context: Any) -> None:
        self.context = browser.new_context(reduced_motion="reduce", **context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(url)

    def _heard(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def run(self, module: str, script: str, argument: object = None) -> Any:
        """Import a script of the page as `m` and evaluate an expression with it and `a`."""
        code = f"async a => {{ const m = await import('/static/{module}'); return {script}; }}"
        return self.page.evaluate(code, argument)

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()
