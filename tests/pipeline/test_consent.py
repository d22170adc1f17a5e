import pytest

from tacit.pipeline.consent import PURPOSES, ConsentError, Terms


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
