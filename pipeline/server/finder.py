"""Which cameras and microphones the server's machine has."""

import asyncio
import json
import subprocess
import sys
import time
from typing import Any, Final

LISTING_S: Final = 20.0
FRESH_S: Final = 2.0
"""Age at which a list of devices is made anew: several pages may ask at once."""


class Finder:
    """Lists the devices of this machine, each time by a fresh program.

    PortAudio looks for devices only once in a process, and drivers hang: neither should be the
    server's trouble.

    Args:
        cameras: names or addresses of cameras that the system does not list.
    """

    def __init__(self, cameras: tuple[str, ...] = ()) -> None:
        self._cameras = cameras
        self._lock = asyncio.Lock()
        self._found: dict[str, Any] | None = None
        self._found_s = 0.0

    async def look(self) -> dict[str, Any]:
        """The devices and what is wrong with them, as GET /api/devices gives them."""
        async with self._lock:
            if self._found is None or time.monotonic() - self._found_s > FRESH_S:
                self._found = await asyncio.to_thread(self._ask)
                self._found_s = time.monotonic()
            return self._found

    def _ask(self) -> dict[str, Any]:
        command = [sys.executable, "-m", "tacit.pipeline.cli", "devices", "--json"]
        told: dict[str, Any] = {}
        problem = None
        try:
            done = subprocess.run(command, capture_output=True, timeout=LISTING_S, check=True)
            told = json.loads(done.stdout)
            problem = told.get("problem")
        except (OSError, ValueError, subprocess.SubprocessError):
            problem = "The devices of this machine cannot be listed; try: tacit devices"
        names = [camera["name"] for camera in told.get("cameras", [])] + list(self._cameras)
        found = [{"kind": "video", "name": name} for name in names]
        microphones = told.get("microphones", [])
        # The default comes first, as it does where people choose.
        microphones.sort(key=lambda microphone: not microphone["default"])
        found += [{"kind": "audio", "name": microphone["name"]} for microphone in microphones]
        return {"devices": found, "problem": problem}
