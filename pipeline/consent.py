"""What a session is for, and whether that is allowed.

Reading emotions of people at work or in education is prohibited in the EU save for medical or
safety reasons (AI Act, art. 5(1)(f)); consent does not change that. So every session declares its
purpose, and those two need an exception with a reason.
"""

import re
from dataclasses import dataclass
from typing import Final

from .errors import UserError
from .session_format import NAME_PATTERN

EXCEPTIONS: Final = ("medical", "safety")
MIN_REASON: Final = 10
MAX_TEXT: Final = 400
MAX_CONSENT: Final = 128
DEFAULT_PURPOSE: Final = "personal"
OPERATOR: Final = "operator"
"""Consent of a session that states none: whoever runs the program answers for it."""
_NAME: Final = re.compile(NAME_PATTERN)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a session can be for.

    Attributes:
        code: as it is sent and kept.
        label: as people read it.
        needs_exception: prohibited unless for a medical or safety reason.
    """

    code: str
    label: str
    needs_exception: bool = False


PURPOSES: Final = (
    Purpose("demo", "Trying Tacit out"),
    Purpose("personal", "For myself"),
    Purpose("call", "A private video call"),
    Purpose("research", "Research with informed participants"),
    Purpose("accessibility", "An aid for reading expressions"),
    Purpose("medical", "Medical use"),
    Purpose("safety", "Safety"),
    Purpose("test", "Testing by the operator"),
    Purpose("workplace", "At work", needs_exception=True),
    Purpose("education", "In school or training", needs_exception=True),
)
_BY_CODE: Final = {purpose.code: purpose for purpose in PURPOSES}


class ConsentError(UserError, ValueError):
    """A session may not begin; the message says what is missing.

    Attributes:
        code: for programs.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code: Final = code


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms a session runs.

    Attributes:
        participant: who takes part: a name or a pseudonym.
        purpose: code of a `Purpose`.
        consent: identifies the participant's consent.
        exception: "medical", "safety" or "".
        reason: why the exception holds.
    """

    participant: str
    purpose: str
    consent: str
    exception: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse terms under which no session may begin.

        Raises:
            ConsentError: something is missing or prohibited.
        """
        if _NAME.fullmatch(self.participant) is None:
            raise ConsentError(
                "bad_request",
                "participant: up to 64 letters, digits, dots, dashes and underscores",
            )
        if not self.purpose:
            raise ConsentError("purpose_needed", f"Say what the session is for: purpose={_codes()}")
        known = _BY_CODE.get(self.purpose)
        if known is None:
            raise ConsentError("purpose_needed", f"purpose must be one of {_codes()}")
        if known.needs_exception:
            self._check_exception()
        if not self.consent.strip() or len(self.consent) > MAX_CONSENT:
            raise ConsentError(
                "consent_needed",
                "Ask the participant first, then send consent=TEXT (up to 128 characters) that "
                "identifies their consent",
            )

    def _check_exception(self) -> None:
        if self.exception not in EXCEPTIONS or not MIN_REASON <= len(self.reason) <= MAX_TEXT:
            raise ConsentError(
                "purpose_refused",
                f"Reading emotions for the purpose {self.purpose!r} is refused (EU AI Act, art. "
                "5(1)(f)) unless exception=medical or exception=safety is declared with a reason "
                f"of {MIN_REASON} to {MAX_TEXT} characters",
            )


def own_terms(participant: str, purpose: str = DEFAULT_PURPOSE) -> Terms:
    """Terms of a session on one's own machine for which nothing else was said.

    They are no exception from having terms: they are told and kept like any others.

    Raises:
        ConsentError: no session may begin under them.
    """
    return Terms(participant, purpose, OPERATOR)


def terms_for(participant: str, terms: Terms | None) -> Terms:
    """The given terms, or those of whoever runs the program.

    Raises:
        ConsentError: they are of somebody else, or no session may begin under them.
    """
    if terms is None:
        return own_terms(participant)
    if terms.participant != participant:
        raise ConsentError(
            "consent_needed",
            f"The consent is of {terms.participant!r}, not of {participant!r}: each participant "
            "gives their own",
        )
    return terms


def _codes() -> str:
    return ", ".join(_BY_CODE)
