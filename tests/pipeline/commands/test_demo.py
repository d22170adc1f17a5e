import json
from importlib import resources
from pathlib import Path

import pytest

from tacit.pipeline.cli import app
from tacit.pipeline.commands.demo import SAMPLE
from tacit.pipeline.events import SensorHealth, read_event

pytestmark = pytest.mark.process


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
