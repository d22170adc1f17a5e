import asyncio
import json
import subprocess
from typing import Any

import pytest

from tacit.pipeline.server import finder as module
from tacit.pipeline.server.finder import Finder

TOLD = {
    "microphones": [
        {"name": "Line, ALSA", "channels": 2, "rate_hz": 48_000, "default": False},
        {"name": "USB Mic, ALSA", "channels": 1, "rate_hz": 48_000, "default": True},
    ],
    "cameras": [{"name": "Front", "number": 0}],
    "problem": None,
}


def test_devices_are_listed_by_a_fresh_program_once_for_all_who_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **_options: Any) -> "subprocess.CompletedProcess[bytes]":
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, json.dumps(TOLD).encode())

    monkeypatch.setattr(subprocess, "run", run)

    async def look() -> list[Any]:
        finder = Finder(("http://cam/x.mjpg",))
        return list(await asyncio.gather(*(finder.look() for _ in range(5))))

    found = asyncio.run(look())
    assert len(asked) == 1
    assert asked[0][-2:] == ["devices", "--json"]
    assert all(each is found[0] for each in found)
    assert found[0]["problem"] is None
    assert [(d["kind"], d["name"]) for d in found[0]["devices"]] == [
        ("video", "Front"),
        ("video", "http://cam/x.mjpg"),
        ("audio", "USB Mic, ALSA"),
        ("audio", "Line, ALSA"),
    ]


def test_a_list_that_cannot_be_had_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **_options: Any) -> None:
        raise subprocess.TimeoutExpired(command, module.LISTING_S)

    monkeypatch.setattr(subprocess, "run", hang)
    found = asyncio.run(Finder().look())
    assert found["devices"] == []
    assert "tacit devices" in found["problem"]
