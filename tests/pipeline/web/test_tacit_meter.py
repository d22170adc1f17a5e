"""<tacit-meter> in the page of somebody else."""

from typing import Any

import pytest

from tacit.pipeline.events import AnyEvent, to_json_line
from tests.fakes.browser import Visit
from tests.fakes.finished import result
from tests.fakes.long_session import long_session

pytestmark = [pytest.mark.process, pytest.mark.slow]

# Something with the interface of a connection, as a page may build it on events of its own.
OPEN = """(() => {
  const listeners = {};
  const source = { on: (name, listener) => {
    listeners[name] = listener;
    return () => delete listeners[name];
  } };
  const meter = document.body.appendChild(document.createElement("tacit-meter"));
  meter.setAttribute("participant", "anna");
  meter.source = source;
  window.tell = (name, text) => listeners[name]?.(JSON.parse(text));
  window.meter = meter;
})()"""


@pytest.fixture
def page(empty_page: Visit) -> Any:
    empty_page.page.evaluate("document.body.replaceChildren()")
    empty_page.run("tacit-meter.js", OPEN)
    return empty_page.page


def tell(page: Any, name: str, event: AnyEvent) -> None:
    page.evaluate("([name, text]) => window.tell(name, text)", [name, to_json_line(event)])


def said(page: Any) -> str:
    return str(page.evaluate("meter.getAttribute('aria-label')"))


def test_it_shows_the_person_it_was_given(page: Any) -> None:
    tell(page, "measurement", result(0, "fear", participant="ben"))
    assert said(page) == "anna. waiting for the first reading"
    tell(page, "measurement", result(0, "anger", participant="anna"))
    assert said(page).startswith("anna. expressed: anger 70 %")
    widths = page.evaluate(
        "[...meter.shadowRoot.querySelectorAll('.bar i')].map(i => i.style.flexBasis)"
    )
    assert widths[3] == "70%"


def test_a_guess_is_hatched_and_named(page: Any) -> None:
    guess: Any = {"audio": "measured", "face": "recovered", "text": "absent"}
    tell(page, "measurement", result(0, "anger", guess, participant="anna"))
    assert "face guessed" in said(page)
    assert page.evaluate("meter.shadowRoot.querySelector('.bar').classList.contains('guessed')")


def test_sensors_are_told_apart_by_sign_and_word(page: Any) -> None:
    lost = next(
        e
        for e in long_session(20, "anna").events
        if e.type == "sensor.health" and e.modality == "face" and e.state == "lost"
    )
    tell(page, "health", lost)
    light = "meter.shadowRoot.querySelector('[data-sensor=face]')"
    assert page.evaluate(f"{light}.textContent") == "✕ Face"
    assert page.evaluate(f"{light}.title") == "lost: frozen"


def test_it_says_when_the_connection_is_gone(page: Any) -> None:
    tell(page, "measurement", result(0, "anger", participant="anna"))
    page.evaluate("""tell("state", '{"state":"reconnecting","message":"Trying again in 1 s."}')""")
    assert said(page) == "anna. Trying again in 1 s."
    page.evaluate("meter.source = null")
    assert said(page) == "anna. not connected"
