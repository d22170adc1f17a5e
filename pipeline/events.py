"""The events that Tacit gives to the outside, as JSON; `docs/events.md` explains each of them.

Times are whole ms from the start of the session. `null` means not measured, never 0. Readers ignore
fields that they don't know. What a person said is in `transcript.*` events and nowhere else.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from ..models.features import Modality, RecoveryFlag, Source
from ..models.labels import Emotion
from .health_rules import HealthState

VERSION: Final = 1


def _by_key(fields: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(fields.items()))


Ms = Annotated[int, Field(ge=0, description="ms from the start of the session")]
Share = Annotated[float, Field(ge=0, le=1)]
Signed = Annotated[float, Field(ge=-1, le=1)]
Count = Annotated[int, Field(ge=0)]
Measures = Annotated[dict[str, float], AfterValidator(_by_key)]
Counts = Annotated[dict[str, Count], AfterValidator(_by_key)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class EmotionScore(_Part):
    """How probable one expressed emotion is."""

    name: Emotion
    probability: Share


class WindowSpan(_Part):
    """The stretch of time that a result is about."""

    start_ms: Ms
    end_ms: Ms


class FusedReading(_Part):
    """What all modalities say together; without any measured one all is null but `abstained`."""

    emotions: tuple[EmotionScore, ...] | None
    valence: Signed | None
    arousal: Signed | None
    confidence: Share | None
    abstained: bool


class ModalityReading(_Part):
    """What one modality gave to a result, and how its sensor was doing."""

    state: HealthState
    reason: str | None
    source: Source
    coverage: Share
    emotions: tuple[EmotionScore, ...] | None
    spread: Annotated[float, Field(ge=0)] | None = None


class RecoveryReading(_Part):
    """How what was lost was filled in."""

    steps: Count
    samples: Count
    share: Share
    flag: RecoveryFlag | None


class ModelRef(_Part):
    """Which model made a result."""

    id: str
    sha256: str


class ModalityStart(_Part):
    """How a modality starts into the session."""

    state: HealthState
    reason: str | None


class Word(_Part):
    """One spoken word."""

    text: str
    start_ms: Ms
    end_ms: Ms
    probability: Share | None


Modalities = Annotated[dict[Modality, ModalityReading], AfterValidator(_by_key)]
Starts = Annotated[dict[Modality, ModalityStart], AfterValidator(_by_key)]


class Event(_Part):
    """The envelope that all events share."""

    type: str
    v: Literal[1] = VERSION
    session_id: Annotated[str, Field(min_length=1)]
    seq: Count


class SessionReady(Event):
    """Everything is loaded; results follow."""

    type: Literal["session.ready"] = "session.ready"
    source: str
    anchor_utc: str | None
    participants: tuple[str, ...]
    window_ms: Ms
    hop_ms: Ms
    modalities: Starts
    model: ModelRef
    purpose: str
    consent: str
    exception: str | None


class SessionClosed(Event):
    """The last event of a session."""

    type: Literal["session.closed"] = "session.closed"
    t_ms: Ms
    reason: Literal["end", "interrupted", "error"]
    windows: Count


class SensorHealth(Event):
    """A stream changed its state."""

    type: Literal["sensor.health"] = "sensor.health"
    t_ms: Ms
    participant: str
    modality: Modality
    state: HealthState
    reason: str | None
    since_ms: Ms
    evidence: Measures


class _Transcript(Event):
    participant: str
    start_ms: Ms
    end_ms: Ms
    text: str
    language: str | None
    words: tuple[Word, ...]


class TranscriptPartial(_Transcript):
    """Words that may still change."""

    type: Literal["transcript.partial"] = "transcript.partial"


class TranscriptFinal(_Transcript):
    """Words that stay."""

    type: Literal["transcript.final"] = "transcript.final"


class _Measurement(Event):
    revision: Count
    participant: str
    window: WindowSpan
    fused: FusedReading
    modalities: Modalities
    recovery: RecoveryReading | None = None
    model: ModelRef
    latency_ms: Measures


class MeasurementResult(_Measurement):
    """The first reading of a window."""

    type: Literal["measurement.result"] = "measurement.result"
    revision: Literal[0] = 0


class MeasurementRevised(_Measurement):
    """A better reading of a window, since late data came in; it replaces those before."""

    type: Literal["measurement.revised"] = "measurement.revised"
    revision: Annotated[int, Field(ge=1)]


class DropReport(Event):
    """Where the data of one stream at one stage went, counted from the start of the session."""

    type: Literal["drop.report"] = "drop.report"
    t_ms: Ms
    participant: str
    modality: Modality
    stage: str
    offered: Count
    used: Count
    dropped: Counts
    pending: Count

    @model_validator(mode="after")
    def _balanced(self) -> Self:
        known = self.used + sum(self.dropped.values()) + self.pending
        if self.offered != known:
            raise ValueError(f"offered {self.offered} is not used + dropped + pending = {known}")
        return self


class ErrorEvent(Event):
    """Something went wrong; when `fatal`, the session ends."""

    type: Literal["error"] = "error"
    t_ms: Ms
    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$")]
    message: str
    fatal: bool


AnyEvent = Annotated[
    SessionReady
    | SessionClosed
    | SensorHealth
    | TranscriptPartial
    | TranscriptFinal
    | MeasurementResult
    | MeasurementRevised
    | DropReport
    | ErrorEvent,
    Field(discriminator="type"),
]
_ADAPTER: Final[TypeAdapter[AnyEvent]] = TypeAdapter(AnyEvent)


_BREAKS: Final = str.maketrans({c: f"\\u{ord(c):04x}" for c in "\x85\u2028\u2029"})


def to_json_line(event: Event) -> str:
    """An event as one line of JSON, without the line's end; equal events give equal lines.

    Keys come in the order of the schema, those of free-form objects in alphabetical order.
    """
    fields = event.model_dump(mode="json")
    text = json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_BREAKS)


def read_event(line: str | bytes) -> AnyEvent:
    """Read one line of JSON.

    Raises:
        ValueError: it is no event of this version; the message says what is wrong with it.
    """
    return _ADAPTER.validate_json(line)


def without_latency(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event as a dictionary without its latency: what two runs on one recording agree in."""
    return {name: value for name, value in event.items() if name != "latency_ms"}


def schema_text() -> str:
    """The JSON Schema of all events, as `docs/events.schema.json` holds it."""
    schema = _ADAPTER.json_schema(mode="serialization")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tacit event, version 1",
        **schema,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
