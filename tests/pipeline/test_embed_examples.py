"""The examples of embedding, run as people run them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.fakes.browser import PATIENCE_MS, Visit, chromium, driver, fake_devices
from tests.fakes.serving import Serving

pytestmark = [
    pytest.mark.live,
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.media,
    pytest.mark.timeout(400),
]

EXAMPLES = ROOT / "examples"
READING = re.compile(r"expressed: \w+")


@contextmanager
def running(*words: str) -> Iterator["subprocess.Popen[str]"]:
    """A program, ended as Ctrl-C does."""
    process = subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"},
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def line_with(process: "subprocess.Popen[str]", words: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return line
    pytest.fail(f"it ended without saying {words!r}")


def test_the_bot_prints_what_is_expressed() -> None:
    with running(str(EXAMPLES / "print_results.py")) as bot:
        assert "from" in line_with(bot, "expressed: ")
        assert bot.wait(120) == 0


def test_the_subscriber_hears_a_server_over_zeromq(server: Serving) -> None:
    terms = {"purpose": "test", "consent": "test", "participant": "anna"}
    body = json.dumps({"source": "sample", "loop": True, **terms}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(server.url + "api/sessions", body, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        session = json.load(answer)["session_id"]
    with running(str(EXAMPLES / "subscribe_zmq.py"), server.url, session) as subscriber:
        assert line_with(subscriber, "expressed: ").startswith(f"{session}/anna/measurement")
    stop = urllib.request.Request(f"{server.url}api/sessions/{session}", method="DELETE")
    urllib.request.urlopen(stop, timeout=20).close()


def test_the_subscriber_says_when_there_is_no_server() -> None:
    command = [sys.executable, str(EXAMPLES / "subscribe_zmq.py"), "http://127.0.0.1:9/"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 1
    assert "start it with: tacit serve" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.fixture(scope="module")
def devices(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg (apt-get install ffmpeg)")
    folder = tmp_path_factory.mktemp("call")
    picture, sound = folder / "face.y4m", folder / "voice.wav"
    make = ["ffmpeg", "-v", "error", "-i", str(sample)]
    small = ["-vf", "scale=320:240,fps=10", "-pix_fmt", "yuv420p"]
    subprocess.run([*make, *small, str(picture)], check=True)
    subprocess.run([*make, "-vn", "-ac", "1", "-ar", "48000", str(sound)], check=True)
    return fake_devices(picture, sound)


def join(visit: Visit, name: str) -> None:
    visit.page.fill("#name", name)
    visit.page.check("[name=consent]")
    visit.page.click("#join button")
    visit.page.wait_for_selector("#call:not([hidden])")


def shows(visit: Visit, meter: str, name: str) -> None:
    """Wait until a meter shows a reading of somebody."""
    read = visit.page.locator(f"#{meter}[participant={name}]")
    claim = read.locator(".claim", has_text=READING)
    claim.wait_for(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def call() -> Iterator[str]:
    """The address of a call that waits for guests."""
    with running(str(EXAMPLES / "video_call" / "call.py"), "0") as server:
        yield line_with(server, "call at").split()[-1]


def refused(url: str, query: str, offer: bytes) -> tuple[int, str]:
    """How the call answers an offer that it should not take."""
    with pytest.raises(urllib.error.HTTPError) as told:
        urllib.request.urlopen(f"{url}join?{query}", offer, timeout=20)
    with told.value as answer:
        return answer.code, answer.read().decode()


@pytest.mark.parametrize(
    ("query", "offer", "says"),
    [
        ("name=&consent=x", b"v=0", "Give a name"),
        ("name=eve", b"v=0", "agree to the notice"),
        ("name=eve&consent=x", b"garbage", "cannot be answered"),
    ],
    ids=["nameless", "not agreed", "garbage"],
)
def test_the_call_says_why_a_guest_is_not_let_in(
    call: str, query: str, offer: bytes, says: str
) -> None:
    code, why = refused(call, query, offer)
    assert code == 400
    assert says in why


def sees_the_other(visit: Visit) -> None:
    """Wait until pictures of the other person are decoded here."""
    count = "document.getElementById('theirs').getVideoPlaybackQuality().totalVideoFrames"
    visit.page.wait_for_function(f"{count} > 10")


def test_a_call_for_two_carries_both_and_shows_both(devices: list[str], call: str) -> None:
    with (
        driver() as playwright,
        chromium(playwright, devices) as browser,
        Visit(browser, call) as anna,
        Visit(browser, call) as ben,
    ):
        join(anna, "anna")
        join(ben, "ben")
        for visit, name, other in ((anna, "anna", "ben"), (ben, "ben", "anna")):
            sees_the_other(visit)
            shows(visit, "my-meter", name)
            shows(visit, "their-meter", other)
        code, why = refused(call, "name=eve&consent=x", b"v=0")
        assert (code, "full" in why) == (409, True)
        anna.page.click("#leave")
        anna.page.wait_for_selector("#join:not([hidden])")
        assert anna.complaints == []
        assert ben.complaints == []
