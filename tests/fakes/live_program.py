"""`tacit live` as a person starts it: a program whose events are read while it runs."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Event = dict[str, Any]


class LiveProgram:
    """The running program.

    Args:
        folder: for what it writes.
        env: on top of this process's environment.
        options: of the command.
    """

    def __init__(self, folder: Path, env: Mapping[str, str], *options: str) -> None:
        self._events = folder / "events.jsonl"
        self._said = folder / "said"
        command = [sys.executable, "-m", "tacit.pipeline.cli", "live", *options]
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [*command, "--json", str(self._events)],
                env={**os.environ, "PYTHONFAULTHANDLER": "1", **env},
                stdout=said,
                stderr=said,
                stdin=subprocess.DEVNULL,
            )

    def events(self) -> list[Event]:
        """All events up to now."""
        if not self._events.exists():
            return []
        return [json.loads(line) for line in self._events.read_text("utf-8").splitlines()]

    def wait(
        self, what: str, found: Callable[[Event], bool], since: int = 0, most_s: float = 90.0
    ) -> Event:
        """The first event of a kind, from number `since` on."""
        hit = self.look(what, found, since, most_s)
        told = [e for e in self.events() if e["type"] not in ("measurement.result", "drop.report")]
        assert hit is not None, (what, told[-8:], self.said()[-1000:])
        return hit

    def look(
        self, what: str, found: Callable[[Event], bool], since: int, most_s: float
    ) -> Event | None:
        """The same, but None if there is none in time."""
        deadline_s = time.monotonic() + most_s
        while True:
            hit = next((event for event in self.events()[since:] if found(event)), None)
            if hit is not None or time.monotonic() > deadline_s:
                return hit
            assert self._process.poll() is None, (what, self.said()[-2000:])
            time.sleep(0.1)

    def workers(self) -> list[int]:
        """Process ids of the processes that it has started."""
        return [int(pid) for pid in _children(self._process.pid)]

    def said(self) -> str:
        """What it has shown on the terminal."""
        return self._said.read_text("utf-8", "replace")

    def stop(self) -> int:
        """Ctrl-C.

        Returns:
            the exit code.
        """
        self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(30.0)
        except subprocess.TimeoutExpired:
            # It shows where each of its threads is.
            self._process.send_signal(signal.SIGABRT)
            self._process.wait(10.0)
            raise AssertionError(f"it did not end: {self.said()[-8000:]}") from None

    def kill(self) -> None:
        """End it, however it stands."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _children(pid: int) -> list[str]:
    # The system keeps a list for each thread; the engine starts its workers on one of its own.
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [child for path in lists for child in path.read_text().split()]


@contextmanager
def live_program(folder: Path, env: Mapping[str, str], *options: str) -> Iterator[LiveProgram]:
    """The program; it does not outlive the test."""
    program = LiveProgram(folder, env, *options)
    try:
        yield program
    finally:
        program.kill()
