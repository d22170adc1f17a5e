"""`tacit serve` as people start it: a process of its own, on a free port."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

LOADING_S = 180.0
STOPPING_S = 30.0
_ADDRESS = re.compile(r"https?://\S+")


class Serving:
    """A server that runs."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self.process = process
        self.url = url

    def get(self, path: str) -> Any:
        """The JSON that it answers; of errors too."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def wait_ready(self) -> None:
        """Wait until its models are loaded."""
        until = time.monotonic() + LOADING_S
        while (told := self.get("ready"))["status"] != "ready":
            assert self.process.poll() is None, "the server has ended"
            assert time.monotonic() < until, told
            time.sleep(0.2)


@contextlib.contextmanager
def serving(arguments: Sequence[str] = ("--port", "0"), *, ready: bool = True) -> Iterator[Serving]:
    """Start the server, give it, and end it as Ctrl-C does.

    Args:
        arguments: of `tacit serve`.
        ready: wait until the models are loaded.
    """
    command = [sys.executable, "-m", "tacit.pipeline.cli", "serve", *arguments]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = _ADDRESS.search(line)
        assert found, f"no address in what the server said: {line!r}"
        server = Serving(process, found.group().split("?")[0])
        if ready:
            server.wait_ready()
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOPPING_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
