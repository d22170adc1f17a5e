from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from tacit.pipeline.commands.play import Kept, play
from tacit.pipeline.events import Event, read_event
from tacit.pipeline.sinks import SinkError
from tests.fakes.small_session import packets, run


class Session:
    """Two seconds that may be interrupted in the middle."""

    duration_ms = 2000

    def __init__(self, interrupt: bool = False) -> None:
        self._events = run(packets(2.0))
        self._interrupt = interrupt

    def __iter__(self) -> Iterator[Event]:
        yield from self._events[:5]
        if self._interrupt:
            raise KeyboardInterrupt
        yield from self._events[5:]

    def close(self, reason: Literal["end", "interrupted", "error"]) -> list[Event]:
        return [self._events[-1].model_copy(update={"reason": reason})]

    def summary(self) -> str:
        return "4 windows"


def test_events_go_to_the_file_and_to_every_taker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Kept()
    play(Session(), tmp_path / "s.jsonl", kept)
    lines = (tmp_path / "s.jsonl").read_text(encoding="utf-8").splitlines()
    assert [read_event(line) for line in lines] == kept.events == run(packets(2.0))
    assert capsys.readouterr().out.endswith("4 windows\n")


def test_an_interrupted_session_is_closed_as_such(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        play(Session(interrupt=True), tmp_path / "s.jsonl")
    last = (tmp_path / "s.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    assert '"reason":"interrupted"' in last


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SinkError):
        play(Session(), tmp_path / "no" / "s.jsonl")
