"""A second WebRTC peer in this process, kept to loopback."""

import asyncio
from collections.abc import Callable
from typing import Any

import aioice.ice
import numpy as np
import pytest

from tacit.stream.packet import NS_PER_S
from tools.fault_rows.caller import Caller, ClipTrack, mutated

__all__ = ["Caller", "ClipTrack", "CollectingSink", "loopback", "mutated", "until"]


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every candidate on this machine, whatever networks it has."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])


class CollectingSink:
    """Takes what a peer sends."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.begin_s = self.loop.time()
        self.sounds: list[tuple[int, int]] = []
        self.pictures: list[tuple[int, tuple[int, int]]] = []
        self.ended: set[str] = set()
        self.texts: list[str] = []
        self.left = asyncio.Event()
        self.is_connected = asyncio.Event()
        self.opened = asyncio.Event()

    def now_ns(self) -> int:
        return round((self.loop.time() - self.begin_s) * NS_PER_S)

    def sound(self, samples: Any, t_ns: int) -> None:
        assert samples.dtype == np.float32
        self.sounds.append((t_ns, samples.size))

    def picture(self, frame: Any, t_ns: int, duration_ns: int) -> None:
        self.pictures.append((t_ns, (frame.width, frame.height)))

    def stream_ended(self, modality: str) -> None:
        self.ended.add(modality)

    def connected(self) -> None:
        self.is_connected.set()

    def message(self, text: str) -> None:
        self.texts.append(text)

    def channel_open(self) -> None:
        self.opened.set()

    def gone(self) -> None:
        self.left.set()


async def until(true: Callable[[], bool], limit_s: float = 40.0) -> None:
    """Wait for something that other tasks bring about."""
    async with asyncio.timeout(limit_s):
        while not true():  # noqa: ASYNC110 - what is waited for is plain state
            await asyncio.sleep(0.02)
