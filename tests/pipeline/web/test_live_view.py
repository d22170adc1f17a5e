"""The panels show what events say, mark guesses, and put no text of an event into the markup."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from tacit.pipeline.events import AnyEvent, MeasurementResult, MeasurementRevised, to_json_line
from tests.fakes.browser import Visit
from tests.fakes.finished import ready, result
from tests.fakes.long_session import long_session

pytestmark = [pytest.mark.process, pytest.mark.slow]

OPEN = """(async () => {
  const { History } = await import("/static/app/history.js");
  const view = document.body.appendChild(document.createElement("live-view"));
  window.feed = text => {
    const history = new History();
    for (const event of JSON.parse(text)) history.receive(event);
    view.update(history);
    return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  };
})()"""


@pytest.fixture
def page(empty_page: Visit) -> Any:
    empty_page.page.evaluate("document.body.replaceChildren()")
    empty_page.run("app/live-view.js", OPEN)
    return empty_page.page


def feed(page: Any, events: Sequence[AnyEvent]) -> None:
    page.evaluate("text => window.feed(text)", f"[{','.join(map(to_json_line, events))}]")


def test_the_bars_show_the_latest_reading(page: Any) -> None:
    feed(page, [ready("p1"), result(0, "fear"), result(500, "anger")])
    assert page.inner_text(".claim") == "Expressed: anger, 70 %"
    assert page.inner_text("li[data-emotion=anger] > b") == "70 %"
    assert "best" in page.get_attribute("li[data-emotion=anger]", "class")
    assert page.is_hidden(".guess-note")


def test_a_guess_is_hatched_and_said_to_be_one(page: Any) -> None:
    results = (MeasurementResult, MeasurementRevised)
    until = [
        event
        for event in long_session(20).events
        if not isinstance(event, results) or event.window.end_ms <= 16_000
    ]
    feed(page, until)
    assert "Face guessed, not measured." in page.inner_text(".claim-basis")
    assert page.is_visible(".guess-note")
    assert "guessed" in page.get_attribute("emotion-bars", "class")
    assert page.inner_text("[data-sensor=face] .tag") == "guessed"
    assert "partly guessed" in page.inner_text("affect-plane p")


def test_a_lost_sensor_says_why(page: Any) -> None:
    feed(page, [e for e in long_session(20).events if getattr(e, "t_ms", 0) <= 13_000])
    assert page.get_attribute("[data-sensor=face]", "data-state") == "lost"
    assert page.inner_text("[data-sensor=face] .state") == "lost: the picture is frozen"
    assert page.inner_text("[data-sensor=audio] .state") == "fine"


def test_with_nothing_measured_no_bar_is_drawn(page: Any) -> None:
    gone: Any = {"audio": "absent", "face": "absent", "text": "absent"}
    feed(page, [ready("p1"), result(0, sources=gone)])
    assert page.inner_text(".claim") == "Nothing was measured, so nothing is claimed"
    assert page.inner_text("li[data-emotion=fear] > b") == "–"
    assert page.get_attribute("affect-plane .dot", "visibility") == "hidden"


def test_several_people_can_be_chosen(page: Any) -> None:
    feed(page, long_session(10, "anna", "ben").events)
    assert page.locator(".people option").all_inner_texts() == ["anna", "ben"]
    page.select_option(".people select", "ben")
    feed(page, long_session(10, "anna", "ben").events)
    assert page.input_value(".people select") == "ben"


def test_text_of_events_stays_text(page: Any) -> None:
    name = "<img src=x onerror=alert(1)>"
    feed(page, long_session(20, name, "other").events)
    assert page.locator("live-view img").count() == 0
    assert name in page.locator(".people option").all_inner_texts()


def test_a_button_asks_to_break_its_sensor_and_to_mend_it(page: Any) -> None:
    page.evaluate(
        "document.addEventListener('break', e => { window.asked = e.detail;"
        " document.querySelector('sensor-lights').press(e.detail.modality, e.detail.on); })"
    )
    button = page.locator("[data-sensor=face] button")
    button.click()
    assert page.evaluate("window.asked") == {"modality": "face", "kind": "freeze", "on": True}
    assert button.get_attribute("aria-pressed") == "true"
    assert re.match("Let the face", button.inner_text())
    button.click()
    assert page.evaluate("window.asked")["on"] is False


def test_the_outline_lies_on_the_mirrored_picture(page: Any) -> None:
    points = page.evaluate(
        """() => {
          const face = document.querySelector("face-view");
          face.outline([[0.25, 0.5], [0.5, 0.75]]);
          const plain = face.querySelector("polygon").getAttribute("points");
          face.classList.add("mirrored");
          face.outline([[0.25, 0.5], [0.5, 0.75]]);
          return [plain, face.querySelector("polygon").getAttribute("points")];
        }"""
    )
    assert points == ["0.25,0.5 0.5,0.75", "0.75,0.5 0.5,0.75"]
