from collections.abc import Callable
from pathlib import Path

import pytest

from tacit.pipeline.cli import main
from tacit.pipeline.config import Settings
from tacit.pipeline.consent import PURPOSES, ConsentError, Terms, own_terms, terms_for
from tacit.pipeline.events import SessionReady
from tacit.pipeline.intake import Intake, SessionSetup
from tacit.pipeline.plan import ReplayRequest
from tacit.pipeline.recorded import terms_of_facts
from tacit.pipeline.recorder import RecordOptions, facts_of_live
from tacit.pipeline.session_format import SessionFacts
from tacit.stream.errors import RecordingError
from tests.fakes.live import IDENTITY


def test_a_session_with_a_purpose_and_consent_may_begin() -> None:
    terms = Terms("p1", "demo", "page-1")
    assert (terms.participant, terms.purpose) == ("p1", "demo")


@pytest.mark.parametrize("purpose", [p.code for p in PURPOSES if p.needs_exception])
def test_work_and_education_are_refused_without_an_exception_and_a_reason(purpose: str) -> None:
    for exception, reason in (("", ""), ("fun", "because I want to"), ("medical", "short")):
        with pytest.raises(ConsentError, match="AI Act") as refused:
            Terms("p1", purpose, "c1", exception, reason)
        assert refused.value.code == "purpose_refused"
    assert Terms("p1", purpose, "c1", "safety", "drowsiness of the crane's driver").reason


def test_those_two_are_the_prohibited_ones() -> None:
    assert {p.code for p in PURPOSES if p.needs_exception} == {"workplace", "education"}


@pytest.mark.parametrize(
    ("participant", "purpose", "consent", "code"),
    [
        ("p1", "", "c1", "purpose_needed"),
        ("p1", "spying", "c1", "purpose_needed"),
        ("p1", "demo", "", "consent_needed"),
        ("p1", "demo", "  ", "consent_needed"),
        ("p1", "demo", "x" * 129, "consent_needed"),
        ("p 1", "demo", "c1", "bad_request"),
        ("../p1", "demo", "c1", "bad_request"),
        ("p" * 65, "demo", "c1", "bad_request"),
    ],
)
def test_what_is_missing_is_named(participant: str, purpose: str, consent: str, code: str) -> None:
    with pytest.raises(ConsentError) as refused:
        Terms(participant, purpose, consent)
    assert refused.value.code == code
    assert str(refused.value)


def test_terms_that_were_not_stated_are_the_operators_own() -> None:
    terms = terms_for("anna", None)
    assert (terms.participant, terms.purpose, terms.consent) == ("anna", "personal", "operator")
    assert own_terms("anna", "demo").purpose == "demo"


def test_nobody_consents_for_another() -> None:
    with pytest.raises(ConsentError, match="of 'anna', not of 'ben'"):
        terms_for("ben", Terms("anna", "call", "c1"))


FILE = Path("clip.mp4")
SETTINGS = Settings(asr="off")
BAD_NAME = "../anna"


@pytest.mark.parametrize(
    "door",
    [
        lambda name: SessionSetup("s", name, "a test", SETTINGS, {}),
        lambda name: ReplayRequest(FILE, SETTINGS, participant=name),
    ],
    ids=["core", "replay"],
)
def test_every_door_refuses_what_terms_refuse(door: Callable[[str], object]) -> None:
    door("anna")
    with pytest.raises(ConsentError, match="participant"):
        door(BAD_NAME)


def test_a_session_tells_and_keeps_its_terms() -> None:
    terms = Terms("anna", "education", "c1", "medical", "therapy of a speech disorder")
    setup = SessionSetup("s", "anna", "a test", SETTINGS, {}, terms=terms)
    ready = Intake(setup, IDENTITY).ready
    assert isinstance(ready, SessionReady)
    assert (ready.purpose, ready.consent, ready.exception) == ("education", "c1", "medical")
    options = RecordOptions(Path("s.mcap"))
    facts = facts_of_live(setup, IDENTITY, options)
    assert (facts.purpose, facts.consent) == ("education", "c1")
    again = terms_of_facts(SessionFacts.model_validate_json(facts.model_dump_json()))
    assert again == terms


def test_terms_in_a_file_that_are_none_are_refused() -> None:
    setup = SessionSetup("s", "anna", "a test", SETTINGS, {})
    facts = facts_of_live(setup, IDENTITY, RecordOptions(Path("s.mcap")))
    with pytest.raises(RecordingError, match="damaged"):
        terms_of_facts(facts.model_copy(update={"terms": {"who": "anna"}}))
    changed = {**facts.terms, "purpose": "workplace"}
    with pytest.raises(ConsentError, match="AI Act"):
        terms_of_facts(facts.model_copy(update={"terms": changed}))
    assert terms_of_facts(facts.model_copy(update={"terms": {}})) is None


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["replay", "x.mp4", "--purpose", "workplace"], "AI Act"),
        (["replay", "x.mp4", "--purpose", ""], "what the session is for"),
        (["replay", "x.mp4", "--consent", ""], "Ask the participant first"),
        (["record", "x.mp4", "-o", "y.mcap", "--purpose", "education"], "AI Act"),
        (["live", "--purpose", "spying"], "purpose must be one of"),
        (["batch", ".", "-o", "out", "--purpose", "workplace"], "AI Act"),
    ],
)
def test_the_command_line_refuses_before_anything_is_opened(
    command: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["tacit", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
