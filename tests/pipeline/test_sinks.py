import json
import os
import resource
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tacit.pipeline.events import ErrorEvent
from tacit.pipeline.sinks import JsonlSink, SinkError


def event(message: str) -> ErrorEvent:
    return ErrorEvent(session_id="s", seq=0, t_ms=0, code="test", message=message, fatal=False)


@contextmanager
def small_files() -> Iterator[None]:
    """No file may grow beyond 1000 bytes, as on a full disk; only for a moment, since it holds
    for the whole process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_each_event_is_a_line_at_once_and_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with JsonlSink(path) as sink:
        for text in ("one", "two\u2028lines"):
            sink.write(event(text))
        lines = path.read_text().splitlines()
        assert [json.loads(line)["message"] for line in lines] == ["one", "two\u2028lines"]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = JsonlSink(path)
    big = event("x" * 300)
    sink.write(big)
    sink.write(big)
    with pytest.raises(SinkError, match=r"events\.jsonl: disk full"), small_files():
        sink.write(big)
    sink.close()
    text = path.read_text()
    assert text.endswith("\n")
    assert [json.loads(line)["code"] for line in text.splitlines()] == ["test"] * 2


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"no/such/events\.jsonl: cannot write events there"):
        JsonlSink(tmp_path / "no" / "such" / "events.jsonl")
    if os.path.exists("/dev/full"):
        sink = JsonlSink(Path("/dev/full"))
        with pytest.raises(SinkError, match="/dev/full: cannot write events: No space"):
            sink.write(event("x"))
        sink.close()
