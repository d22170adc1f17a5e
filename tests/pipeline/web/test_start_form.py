"""Nothing begins before purpose and consent are settled."""

from typing import Any

import pytest

from tests.fakes.browser import Visit

pytestmark = [pytest.mark.process, pytest.mark.slow]

INFO = {
    "sources": ["webrtc", "sample", "upload", "device"],
    "purposes": [
        {"code": "demo", "label": "Trying it out", "needs_exception": False},
        {"code": "workplace", "label": "At work", "needs_exception": True},
    ],
    "exceptions": ["medical", "safety"],
}
DEVICES = [{"kind": "audio", "name": "mic one"}, {"kind": "video", "name": "cam one"}]
OPEN = """(() => {
  const form = document.body.appendChild(document.createElement("start-form"));
  form.offer(a);
  window.begun = [];
  window.looked = 0;
  form.addEventListener("devices", () => window.looked++);
  form.addEventListener("begin", event => window.begun.push(event.detail));
})()"""


@pytest.fixture
def page(empty_page: Visit) -> Any:
    empty_page.page.evaluate("document.body.replaceChildren()")
    empty_page.run("app/start-form.js", OPEN, INFO)
    return empty_page.page


def test_it_is_kept_only_where_that_is_offered_and_wanted(empty_page: Visit, page: Any) -> None:
    assert page.query_selector("[name=keep]") is None
    page.evaluate("document.body.replaceChildren()")
    offered = {"recording": {"offered": ["features"], "retention_days": 30}}
    empty_page.run("app/start-form.js", OPEN, INFO | offered)
    assert "deleted after 30 days" in page.inner_text(".keep")
    page.select_option("[name=purpose]", "demo")
    page.check("[name=consent]")
    assert "record" not in begun(page)[0]
    page.check("[name=keep]")
    assert begun(page)[1]["record"] == "features"
    assert page.query_selector("[name=media]") is None


def test_picture_and_sound_are_kept_only_where_that_is_offered_and_wanted(
    empty_page: Visit, page: Any
) -> None:
    assert "neither picture nor sound is kept" in page.inner_text(".notice")
    page.evaluate("document.body.replaceChildren()")
    offered = {"recording": {"offered": ["features", "media"], "retention_days": 30}}
    empty_page.run("app/start-form.js", OPEN, INFO | offered)
    assert "kept only if you say so below" in page.inner_text(".notice")
    page.select_option("[name=purpose]", "demo")
    page.check("[name=consent]")
    page.check("[name=media]")
    assert page.is_checked("[name=keep]")
    assert begun(page)[0]["record"] == "media"
    page.uncheck("[name=keep]")
    assert "record" not in begun(page)[1]


def begun(page: Any) -> list[dict[str, Any]]:
    page.click("button.main")
    found: list[dict[str, Any]] = page.evaluate("window.begun")
    return found


def test_without_consent_it_does_not_begin(page: Any) -> None:
    page.select_option("[name=purpose]", "demo")
    assert begun(page) == []
    page.check("[name=consent]")
    (settled,) = begun(page)
    assert (settled["source"], settled["purpose"]) == ("webrtc", "demo")
    assert settled["consent"].startswith("page 20")


def test_without_a_purpose_it_does_not_begin(page: Any) -> None:
    page.check("[name=consent]")
    assert begun(page) == []


def test_at_work_it_needs_an_exception_and_its_reason(page: Any) -> None:
    page.check("[name=consent]")
    assert page.is_hidden("[name=exception]")
    page.select_option("[name=purpose]", "workplace")
    assert "article 5(1)(f)" in page.inner_text("#refused")
    assert begun(page) == []
    page.select_option("[name=exception]", "safety")
    assert begun(page) == []
    page.fill("[name=reason]", "too short")
    assert begun(page) == []
    page.fill("[name=reason]", "drowsy drivers of a crane")
    (settled,) = begun(page)
    assert (settled["exception"], settled["reason"]) == ("safety", "drowsy drivers of a crane")


def test_another_purpose_takes_the_exception_away(page: Any) -> None:
    page.check("[name=consent]")
    page.select_option("[name=purpose]", "workplace")
    page.select_option("[name=purpose]", "demo")
    assert page.is_hidden("[name=exception]")
    (settled,) = begun(page)
    assert "exception" not in settled


def test_the_sample_needs_nobody_to_agree(page: Any) -> None:
    page.check("[value=sample]")
    assert page.is_hidden("[name=consent]")
    (settled,) = begun(page)
    assert (settled["source"], settled["purpose"]) == ("sample", "demo")


def test_a_recording_has_to_be_chosen_and_agreed_to(page: Any) -> None:
    page.check("[value=upload]")
    page.select_option("[name=purpose]", "demo")
    page.check("[name=consent]")
    assert "in this recording" in page.inner_text(".agreed")
    assert begun(page) == []
    file = {"name": "talk.wav", "mimeType": "audio/wav", "buffer": b"RIFF"}
    page.set_input_files("[name=file]", file)
    assert len(begun(page)) == 1


def find(page: Any, devices: list[dict[str, str]], problem: str | None = None) -> str:
    found = {"devices": devices, "problem": problem}
    page.evaluate("a => document.querySelector('start-form').devices(a)", found)
    return str(page.inner_text(".found"))


def test_devices_of_the_server_are_looked_for_when_they_are_chosen(page: Any) -> None:
    assert page.evaluate("window.looked") == 0
    page.check("[value=device]")
    assert page.evaluate("window.looked") == 1
    assert "Looking" in page.inner_text(".found")
    assert "Connect one, then look again" in find(page, [])
    assert find(page, [], "PortAudio is missing") == "PortAudio is missing"
    page.click("text=Look again")
    assert page.evaluate("window.looked") == 2
    assert find(page, DEVICES) == ""
    page.select_option("[name=purpose]", "demo")
    page.check("[name=consent]")
    page.select_option("[name=audio]", "")
    (settled,) = begun(page)
    assert (settled["video"], settled["audio"]) == ("cam one", "")
