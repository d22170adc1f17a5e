import json
import queue
import sys
import webbrowser
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tacit.pipeline.cli import app
from tacit.pipeline.commands.demo import SAMPLE, has_display
from tacit.pipeline.events import SensorHealth, read_event
from tacit.pipeline.server import run


@pytest.mark.parametrize(
    ("environment", "platform", "seen"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"DISPLAY": ""}, "linux", False),
        ({"SSH_CONNECTION": "x", "DISPLAY": ":10"}, "linux", True),
        ({"SSH_CONNECTION": "x", "WAYLAND_DISPLAY": "wayland-0"}, "linux", False),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "x"}, "darwin", False),
    ],
)
def test_a_page_is_opened_only_where_it_is_seen(
    environment: dict[str, str], platform: str, seen: bool
) -> None:
    assert has_display(environment, platform) == seen


def test_with_a_person_there_it_opens_the_page_and_says_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    browsed: queue.SimpleQueue[str] = queue.SimpleQueue()

    def browse(url: str) -> bool:
        browsed.put(url)
        return True

    async def serve(_settings: object, address: Any, options: Any, opened: Any) -> None:
        assert options.local
        opened(address.url(8123))

    monkeypatch.setattr(webbrowser, "open", browse)
    monkeypatch.setattr(run, "serve", serve)
    monkeypatch.setenv("DISPLAY", ":0")
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    app(["demo"], standalone_mode=False)
    assert browsed.get(timeout=20) == "http://127.0.0.1:8123/?demo"
    assert "http://127.0.0.1:8123/" in capsys.readouterr().out


@pytest.mark.process
def test_the_demo_shows_a_face_that_freezes_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "demo.jsonl"
    app(["demo", "--json", str(path)], standalone_mode=False)
    events = [read_event(line) for line in path.read_text().splitlines()]
    states = [e.state for e in events if isinstance(e, SensorHealth) and e.modality == "face"]
    assert states[:3] == ["ok", "degraded", "lost"]
    assert states[-1] == "ok"
    assert json.loads(path.read_text().splitlines()[-1])["type"] == "session.closed"
    with resources.as_file(SAMPLE) as sample:
        assert sample.is_file()
