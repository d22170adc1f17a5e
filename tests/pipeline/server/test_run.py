"""The program itself: its address, its end, a port that is taken."""

import gc
import platform
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.pipeline.bench_recording import resident_bytes
from tacit.pipeline.server.run import Address, give_back_memory, keep_what_is_loaded

SERVE = [sys.executable, "-m", "tacit.pipeline.cli", "serve", "--asr", "off", "--port"]


def test_an_address_admits_its_own_pages_and_those_named() -> None:
    address = Address("127.0.0.1", 8765, "", ("https://app.example",), None, None)
    access = address.access(8765)
    assert "http://127.0.0.1:8765" in access.origins
    assert "http://localhost:8765" in access.origins
    assert "https://app.example" in access.origins
    assert "http://127.0.0.1:9999" not in access.origins
    assert address.url(8765) == "http://127.0.0.1:8765/"
    guarded = Address("0.0.0.0", 443, "t0k", (), None, None)
    assert guarded.url(443).endswith("/?token=t0k")


def test_what_is_loaded_is_not_collected_again() -> None:
    try:
        keep_what_is_loaded()
        assert gc.get_freeze_count() > 10_000
        assert len(gc.get_objects()) < 1_000
    finally:
        gc.unfreeze()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps free pages")
def test_free_memory_in_the_middle_of_the_heap_is_given_back() -> None:
    held = [bytes(100_000) for _ in range(600)]
    del held[::2]
    held_bytes = resident_bytes()
    assert give_back_memory()
    assert held_bytes - resident_bytes() > 10_000_000


@pytest.fixture
def served() -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [*SERVE, "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found, line
    yield process, found.group()
    if process.poll() is None:
        process.kill()
    process.communicate()


def children(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(folder.name))
        except (OSError, ValueError):
            continue
    return found


@pytest.mark.process
@pytest.mark.timeout(200)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_soon_when_told_to_and_leaves_no_process(
    served: tuple[subprocess.Popen[str], str], number: signal.Signals
) -> None:
    process, url = served
    with urllib.request.urlopen(f"{url}/health", timeout=30) as answer:
        assert answer.status == 200
    deadline = time.monotonic() + 60
    while len(children(process.pid)) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    workers = children(process.pid)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in errors
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.process
@pytest.mark.timeout(120)
def test_a_port_that_is_taken_is_named_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = subprocess.run(
            [*SERVE, str(port)], capture_output=True, text=True, timeout=100, check=False
        )
    assert run.returncode == 2
    (line,) = run.stderr.strip().splitlines()
    assert str(port) in line
    assert "--port" in line
    assert "Traceback" not in run.stderr
