"""Camera and microphone that are denied, absent or in use: what the page says and does."""

from typing import Any

import pytest

from tests.fakes.browser import Visit

pytestmark = [pytest.mark.process, pytest.mark.slow]

# `a` is, for each request in turn, the name of the error that the browser answers with, or "".
OPENED = """(async () => {
  const asked = [];
  const devices = { getUserMedia: async wanted => {
    asked.push(Object.keys(wanted).sort().join("+"));
    const name = a[asked.length - 1];
    if (name) throw new DOMException("as the browser says it", name);
    return new MediaStream();
  } };
  try {
    const { stream, missing } = await m.openMedia(devices);
    return { asked, missing, opened: stream instanceof MediaStream };
  } catch (error) {
    return { asked, error: error.message, kind: error.name };
  }
})()"""


def opened(visit: Visit, *answers: str) -> Any:
    return visit.run("app/capture.js", OPENED, list(answers))


def test_both_are_asked_for_at_once(empty_page: Visit) -> None:
    assert opened(empty_page, "") == {"asked": ["audio+video"], "missing": "", "opened": True}


def test_who_was_denied_is_told_how_to_allow_it_and_is_not_asked_again(empty_page: Visit) -> None:
    found = opened(empty_page, "NotAllowedError")
    assert found["asked"] == ["audio+video"]
    assert found["kind"] == "CaptureError"
    assert "Allow both for this page" in found["error"]
    assert "choose the bundled sample" in found["error"]


@pytest.mark.parametrize(
    ("answers", "asked", "missing"),
    [
        (["NotFoundError", ""], ["audio+video", "video"], "No microphone can be opened"),
        (["NotReadableError", "NotFoundError", ""], ["audio+video", "video", "audio"], "No camera"),
    ],
)
def test_it_goes_on_with_the_one_that_is_there(
    empty_page: Visit, answers: list[str], asked: list[str], missing: str
) -> None:
    found = opened(empty_page, *answers)
    assert found["opened"]
    assert found["asked"] == asked
    assert found["missing"].startswith(missing)


@pytest.mark.parametrize(
    ("first", "says"),
    [
        ("NotFoundError", "Neither a camera nor a microphone was found"),
        ("NotReadableError", "perhaps another program uses it"),
    ],
)
def test_with_neither_the_first_trouble_is_told(empty_page: Visit, first: str, says: str) -> None:
    assert says in opened(empty_page, first, first, first)["error"]


def test_a_page_without_https_says_how_to_open_it(empty_page: Visit) -> None:
    said = "m.openMedia(undefined).catch(error => error.message)"
    assert "http://localhost" in empty_page.run("app/capture.js", said)


def test_letting_go_stops_every_track(empty_page: Visit) -> None:
    script = """(() => {
      const stream = document.createElement("canvas").captureStream();
      m.release(stream);
      m.release(null);
      return stream.getTracks().map(track => track.readyState);
    })()"""
    assert empty_page.run("app/capture.js", script) == ["ended"]
