"""What the page says: every state and reason has words, and no word claims a feeling."""

import re
from typing import Any

import pytest

from tacit.pipeline.health_rules import HealthState
from tacit.pipeline.report.wording import REASONS, SENSORS
from tests.fakes.browser import STATIC, Visit

pytestmark = [pytest.mark.process, pytest.mark.slow]


def test_each_state_reason_and_sensor_has_words(empty_page: Visit) -> None:
    found = empty_page.run("app/words.js", "[m.STATES, m.MARKS, m.REASONS, m.SENSORS]")
    states, marks, reasons, sensors = found
    assert set(states) == set(marks) == {state.value for state in HealthState}
    assert len(set(marks.values())) == len(marks), "states must differ without colour"
    assert set(REASONS) <= set(reasons)
    assert sensors == dict(SENSORS)


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        ("ok", None, "fine"),
        ("lost", "frozen", "lost: the picture is frozen"),
        ("degraded", "brand_new", "degraded: brand new"),
        ("disabled", "speech to text is switched off", "speech to text is switched off"),
    ],
)
def test_a_state_is_told_with_its_reason(
    empty_page: Visit, state: str, reason: str | None, words: str
) -> None:
    health = {"state": state, "reason": reason}
    assert empty_page.run("app/words.js", "m.stateInWords(a)", health) == words


def reading(**changes: Any) -> dict[str, Any]:
    emotions = [{"name": "neutral", "probability": 0.2}, {"name": "fear", "probability": 0.8}]
    modalities = {"face": {"source": "measured"}, "audio": {"source": "measured"}}
    return {"emotions": emotions, "abstained": False, "modalities": modalities, **changes}


@pytest.mark.parametrize(
    ("window", "headline", "basis"),
    [
        (reading(), "Expressed: fear, 80 %", "From voice and face."),
        (
            reading(modalities={"face": {"source": "recovered"}, "audio": {"source": "measured"}}),
            "Expressed: fear, 80 %",
            "From voice. Face guessed, not measured.",
        ),
        (reading(abstained=True), "No emotion claimed: too unsure", "From voice and face."),
        (
            reading(emotions=None, abstained=True, modalities={"face": {"source": "absent"}}),
            "Nothing was measured, so nothing is claimed",
            "",
        ),
    ],
)
def test_a_claim_says_what_it_rests_on(
    empty_page: Visit, window: dict[str, Any], headline: str, basis: str
) -> None:
    found = empty_page.run("app/words.js", "m.claim(a)", window)
    assert (found["headline"], found["basis"]) == (headline, basis)


def test_before_the_first_reading_it_says_what_it_waits_for(empty_page: Visit) -> None:
    soon, late = empty_page.run("app/words.js", "[m.claim(null, 500), m.claim(null, 11000)]")
    assert soon["headline"] == "Looking and listening…"
    assert late["headline"] == "Still no reading"


def test_no_text_of_the_page_says_that_somebody_feels() -> None:
    said = re.compile(r"you(?:'re| are| feel| seem)|(?:is|are|feels?) (?:happy|sad|angry|afraid)")
    for path in STATIC.rglob("*.*"):
        text = path.read_text(encoding="utf-8").lower()
        assert said.search(text) is None, path
